#include "client/device/update_store.h"

#include <catch2/catch.hpp>

#include "tests/support/damage.h"
#include "tests/support/failing_fs.h"
#include "tests/support/memory_fs.h"
#include "tests/support/stop_at.h"

using namespace fedqat;

namespace {

SealedUpdate update_of(std::uint32_t round) {
  SealedUpdate u{1, round, 3, {}, Bytes(100, std::byte(round)), Bytes(10, std::byte{7}), {}};
  u.memory.assign(5 * (round % 2), 0.5F);
  u.digest = update_digest(u.payload, u.stats);
  return u;
}

struct Fixture {
  std::unique_ptr<Fs> fs = std::make_unique<MemoryFs>();
  std::filesystem::path path = "update.bin";
  UpdateStore store{*fs, path};

  std::uint32_t round() {  // 0: none
    const auto r = UpdateStore(*fs, path).load();
    REQUIRE(r);
    if (!*r) return 0;
    const SealedUpdate expected = update_of((*r)->round);
    CHECK((*r)->payload == expected.payload);
    CHECK((*r)->stats == expected.stats);
    CHECK((*r)->memory == expected.memory);
    CHECK((*r)->digest == expected.digest);
    CHECK((*r)->run == 1);
    CHECK((*r)->version == 3);
    return (*r)->round;
  }
};

}  // namespace

TEST_CASE("update_store: an update is kept, replaced and cleared") {
  Fixture f;
  CHECK(f.round() == 0);
  REQUIRE(f.store.clear());
  REQUIRE(f.store.keep(update_of(1)));
  CHECK(f.round() == 1);
  REQUIRE(f.store.keep(update_of(2)));
  CHECK(f.round() == 2);
  REQUIRE(f.store.clear());
  CHECK(f.round() == 0);
}

TEST_CASE("update_store: a damaged file is reported once, discarded and not sent") {
  Fixture f;
  REQUIRE(f.store.keep(update_of(1)));
  const Bytes good = *f.fs->read(f.path);
  for (const Bytes& bad : damaged(good)) {
    REQUIRE(f.fs->write_atomic(f.path, bad));
    const auto r = f.store.load();
    REQUIRE_FALSE(r);
    CHECK(r.error().code == Errc::kCorrupt);
    CHECK_THAT(r.error().what, Catch::Contains("update.bin") && Catch::Contains("trained again"));
    CHECK(f.round() == 0);
  }
}

TEST_CASE("update_store: an update whose hash is wrong is not sent") {
  Fixture f;
  SealedUpdate u = update_of(1);
  u.payload[5] = {};
  REQUIRE(f.store.keep(u));
  CHECK_FALSE(f.store.load());
}

TEST_CASE("update_store: a stop at any failpoint leaves the old update or the new one") {
  Fixture f;
  int stops = 0;
  for (int nth = 1;; ++nth) {
    REQUIRE(f.store.keep(update_of(1)));
    const auto stopped = stop_at(nth, [&] {
      FEDQAT_CHECK(f.store.keep(update_of(2)));
      FEDQAT_CHECK(f.store.clear());
    });
    if (!stopped) break;
    ++stops;
    CAPTURE(*stopped);
    const std::uint32_t round = f.round();
    if (*stopped == "client.update.before_write") CHECK(round == 1);
    if (*stopped == "client.update.after_write") CHECK(round == 2);
    if (*stopped == "client.update.before_remove") CHECK(round == 2);
    if (*stopped == "client.update.after_remove") CHECK(round == 0);
  }
  CHECK(stops == 4);
}

TEST_CASE("update_store: a full disk is an error and leaves the old update") {
  Fixture f;
  FailingFs full(*f.fs);
  UpdateStore store(full, f.path);
  REQUIRE(store.keep(update_of(1)));
  full.failing = true;
  CHECK(store.keep(update_of(2)).error().code == Errc::kIo);
  CHECK(store.clear().error().code == Errc::kIo);
  CHECK(f.round() == 1);
}
