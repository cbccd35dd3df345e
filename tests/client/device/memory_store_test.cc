#include "client/device/memory_store.h"

#include <catch2/catch.hpp>

#include "tests/support/damage.h"
#include "tests/support/memory_fs.h"

using namespace fedqat;

TEST_CASE("memory_store: what was left out comes back, for its run alone") {
  MemoryFs fs;
  MemoryStore store(fs, "memory.bin");
  CHECK(store.load(7)->empty());
  const std::vector<float> first = {1, -2, 0.5F}, second(1000, 0.25F);
  REQUIRE(store.keep(7, first));
  CHECK(*store.load(7) == first);
  CHECK(store.load(8)->empty());
  REQUIRE(store.keep(8, second));
  CHECK(*MemoryStore(fs, "memory.bin").load(8) == second);
}

TEST_CASE("memory_store: a damaged file is reported once and discarded") {
  MemoryFs fs;
  MemoryStore store(fs, "memory.bin");
  REQUIRE(store.keep(7, std::vector<float>(20, 1.0F)));
  for (const Bytes& bad : damaged(*fs.read("memory.bin"))) {
    REQUIRE(fs.write_atomic("memory.bin", bad));
    const auto r = store.load(7);
    REQUIRE_FALSE(r);
    CHECK(r.error().code == Errc::kCorrupt);
    CHECK(store.load(7)->empty());
  }
}
