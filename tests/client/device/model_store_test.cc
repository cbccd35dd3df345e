#include "client/device/model_store.h"

#include <catch2/catch.hpp>

#include "common/wire/broadcast.h"
#include "tests/support/memory_fs.h"
#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

struct Fixture {
  MemoryFs fs;
  Graph graph = *build_graph(every_layer_model({8, 8, 1}, 3), {8, 8, 8});
  ModelState model = init_model(graph, 3);
  Task task;
  Fixture() {
    task.run = 7;
    task.version = 4;
    task.model_sha256 = sha256(encode_plain(graph, model));
    REQUIRE(ModelStore(fs, "model.bin").keep(task, graph, model));
  }
};

}  // namespace

TEST_CASE("model_store: a model comes back with its version and hash, for its run alone") {
  Fixture f;
  ModelCache cache, other;
  ModelStore store(f.fs, "model.bin");
  REQUIRE(store.load(7, f.graph, cache));
  CHECK(cache.newest() == 4U);
  REQUIRE(cache.find(f.task.model_sha256));
  CHECK(cache.find(f.task.model_sha256)->params == f.model.params);
  REQUIRE(store.load(8, f.graph, other));
  CHECK_FALSE(other.newest());
  f.task.version = 5;
  f.model.params[0] += 1;
  f.task.model_sha256 = sha256(encode_plain(f.graph, f.model));
  REQUIRE(store.keep(f.task, f.graph, f.model));
  REQUIRE(store.load(7, f.graph, cache));
  CHECK(cache.newest() == 5U);
}

TEST_CASE("model_store: no file, a damaged one and another network's leave nothing") {
  Fixture f;
  ModelCache cache;
  REQUIRE(ModelStore(f.fs, "none.bin").load(7, f.graph, cache));
  const Graph other = *build_graph(every_layer_model({8, 8, 1}, 4), {8, 8, 8});
  CHECK_FALSE(ModelStore(f.fs, "model.bin").load(7, other, cache));
  Bytes file = *f.fs.read("model.bin");
  file[file.size() / 2] ^= std::byte{1};
  REQUIRE(f.fs.write_private("model.bin", file));
  CHECK(ModelStore(f.fs, "model.bin").load(7, f.graph, cache).error().code == Errc::kCorrupt);
  CHECK_FALSE(f.fs.exists("model.bin"));
  CHECK_FALSE(cache.newest());
}
