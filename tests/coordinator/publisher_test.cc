#include "coordinator/publisher.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "common/wire/broadcast.h"
#include "common/wire/difference.h"
#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

wire::Config some_config(std::uint32_t bits) {
  wire::Config c;
  c.mutable_codec()->set_downlink("difference");
  c.mutable_codec()->set_downlink_bits(bits);
  return c;
}

Graph some_graph() { return *build_graph(every_layer_model({8, 8, 1}, 3), {8, 8, 8}); }

// The model as training moves it on.
void train(ModelState& model, std::uint32_t round) {
  Rng rng({.seed = 3, .round = round});
  for (float& v : model.params) v += 0.01F * static_cast<float>(rng.normal());
}

std::vector<float> walk(const Graph& graph, std::vector<float> x, ByteView steps) {
  while (!steps.empty()) {
    std::uint32_t size = 0;
    std::memcpy(&size, steps.data(), sizeof size);
    auto next = apply_difference(graph, x, steps.subspan(sizeof size, size));
    REQUIRE(next);
    x = std::move(next->params);
    steps = steps.subspan(sizeof size + size);
  }
  return x;
}

}  // namespace

TEST_CASE("publisher: who holds any version that steps are kept from catches up") {
  const Graph graph = some_graph();
  Publisher publisher(some_config(4), graph);
  ModelState model = init_model(graph, 1);
  publisher.follow(model, 0, false);
  const std::size_t whole = publisher.whole(model, 0).size();
  CHECK(publisher.oldest(whole) == 0);
  CHECK(publisher.published(model).params == model.params);
  std::vector<std::vector<float>> held = {publisher.held()};
  for (std::uint32_t version = 1; version < 30; ++version) {
    train(model, version);
    publisher.follow(model, version, false);
    held.push_back(publisher.held());
    const std::uint64_t oldest = publisher.oldest(whole);
    CHECK(oldest < version);
    CHECK(oldest + 9 > version);  // a step of 4 bits is more than an eighth
    for (std::uint64_t from = oldest; from < version; ++from) {
      const ByteView steps = publisher.steps(from, version);
      REQUIRE_FALSE(steps.empty());
      CHECK(steps.size() < whole);
      CHECK(walk(graph, held[from], steps) == held[version]);
    }
    // Of a round that closed meanwhile.
    if (version > 1) {
      CHECK(walk(graph, held[version - 2], publisher.steps(version - 2, version - 1)) ==
            held[version - 1]);
    }
    CHECK(decode_broadcast(graph, publisher.whole(model, 0))->params == held[version]);
  }
  CHECK(publisher.steps(29, 29).empty());
  CHECK(publisher.steps(28, 30).empty());
  CHECK(publisher.steps(0, 29).empty());
  CHECK(publisher.steps(~std::uint64_t{0}, 3).empty());
}

TEST_CASE("publisher: restored, it makes the same step again") {
  const Graph graph = some_graph();
  Publisher first(some_config(2), graph);
  ModelState model = init_model(graph, 1);
  first.follow(model, 0, false);
  train(model, 1);
  first.follow(model, 1, false);
  auto held = first.held();
  train(model, 2);
  first.follow(model, 2, false);
  Publisher second(some_config(2), graph);
  REQUIRE(second.restore(std::move(held), 2));
  second.follow(model, 2, false);
  CHECK(second.held() == first.held());
  CHECK(second.oldest(second.whole(model, 0).size()) == 1);
  CHECK(second.steps(0, 2).empty());
  CHECK(std::ranges::equal(second.steps(1, 2), first.steps(1, 2)));
  CHECK_FALSE(second.restore({1, 2}, 2));
  CHECK_FALSE(second.restore({}, 2));
  CHECK(second.restore({}, 0));
}

TEST_CASE("publisher: a model that folding has moved far goes in 8 bits") {
  const Graph graph = *build_graph(batch_norm_model({16, 16, 1}, 3), {8, 8, 8});
  Publisher plain(some_config(2), graph), moved(some_config(2), graph);
  ModelState model = init_model(graph, 1);
  plain.follow(model, 0, false);
  moved.follow(model, 0, false);
  for (const ParamTensor& t : graph.params) {
    if (t.kind == ParamKind::kWeight) model.params[t.offset] += 1;
  }
  plain.follow(model, 1, false);
  moved.follow(model, 1, true);
  CHECK(moved.steps(0, 1).size() > plain.steps(0, 1).size());
}

TEST_CASE("publisher: chance in a whole model follows from seed and version alone") {
  const Graph graph = some_graph();
  wire::Config config;
  config.mutable_codec()->set_downlink_bits(4);
  config.mutable_codec()->set_downlink_nearest(0);
  const ModelState model = init_model(graph, 1);
  const Publisher publisher(config, graph), restarted(config, graph);
  CHECK(publisher.whole(model, 3) == restarted.whole(model, 3));
  CHECK(publisher.whole(model, 3) != publisher.whole(model, 4));
  config.mutable_run()->set_seed(9);
  CHECK(publisher.whole(model, 3) != Publisher(config, graph).whole(model, 3));
}
