#include "coordinator/grid_planner.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "common/codec/bit_pack.h"
#include "common/codec/eden.h"
#include "coordinator/strategy.h"
#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

Graph some_graph() { return *build_graph(every_layer_model({8, 8, 1}, 3), {8, 8, 8}); }

constexpr Moving kAll{.scales = true, .batch_norm = true};

std::vector<float> with_max_abs(const Graph& graph, float v) {
  return std::vector<float>(graph.params.size(), v);
}

}  // namespace

TEST_CASE("grid_planner: fp32 first, then the range that clients saw") {
  const Graph graph = some_graph();
  GridPlanner planner(graph, {.bits = 4});
  const auto first = planner.grid({});
  planner.learn(with_max_abs(graph, 0.8F));
  const auto second = planner.grid(kAll);
  for (std::size_t t = 0; t < graph.params.size(); ++t) {
    CAPTURE(graph.params[t].name);
    const ParamKind kind = graph.params[t].kind;
    const bool scale = kind != ParamKind::kWeight && kind != ParamKind::kBias;
    REQUIRE(first[t].bits == (scale ? kNotSentBits : kFloatUpdateBits));
    REQUIRE(second[t].bits == (kind == ParamKind::kWeight ? 4 : 16));
    const float range = second[t].step * static_cast<float>(max_code(second[t].bits));
    REQUIRE(range == Approx(scale ? kMaxScaleMove : 1.0F));
  }
  REQUIRE(check_grid(second));
}

TEST_CASE("grid_planner: a tensor that stood still keeps a positive step") {
  const Graph graph = some_graph();
  GridPlanner planner(graph, {.bits = 8});
  planner.learn(with_max_abs(graph, 0));
  REQUIRE(check_grid(planner.grid(kAll)));
  planner.learn(with_max_abs(graph, 1e30F));
  for (const TensorGrid& g : planner.grid(kAll)) {
    REQUIRE(g.step * static_cast<float>(max_code(g.bits)) <= kFixedLimit * 1.0001F);
  }
}

TEST_CASE("grid_planner: after the first round a range grows by a factor of 8 at most") {
  const Graph graph = some_graph();
  GridPlanner planner(graph, {.bits = 8});
  planner.learn(with_max_abs(graph, 0.8F));
  planner.learn(with_max_abs(graph, 200));
  REQUIRE(planner.state()[0] == 8.0F);
  planner.learn(with_max_abs(graph, 0.08F));  // it may shrink at once
  REQUIRE(planner.state()[0] == Approx(0.1F));
}

TEST_CASE("grid_planner: EDEN is for great weight tensors, from the first round on") {
  const Graph graph = some_graph();
  GridPlanner planner(graph, {UpdateCodec::kEden, 1.25});
  const auto first = planner.grid({});
  planner.learn(with_max_abs(graph, 0.8F));
  const auto second = planner.grid({});
  int rotated = 0;
  for (std::size_t t = 0; t < graph.params.size(); ++t) {
    const ParamTensor& p = graph.params[t];
    if (p.kind == ParamKind::kWeight && p.size >= kLeastEdenBlock) {
      REQUIRE(first[t] == TensorGrid{p.size, 2, 1, UpdateCodec::kEden, 0.25F});
      REQUIRE(second[t] == first[t]);
      ++rotated;
    } else if (!is_scale(p)) {
      REQUIRE(first[t].bits == kFloatUpdateBits);
      REQUIRE(second[t].bits == (p.kind == ParamKind::kWeight ? 8 : 16));
    }
  }
  REQUIRE(rotated > 0);
  REQUIRE(check_grid(second));
}

TEST_CASE("grid_planner: 32 bits send everything as fp32") {
  const Graph graph = some_graph();
  GridPlanner planner(graph, {.bits = 32});
  planner.learn(with_max_abs(graph, 1));
  for (const TensorGrid& g : planner.grid(kAll)) REQUIRE(g.bits == kFloatUpdateBits);
}

TEST_CASE("grid_planner: batch normalization is sent at 16 bits, in fp32 phases only") {
  const Graph graph = *build_graph(batch_norm_model({8, 8, 1}, 3), {8, 8, 8});
  GridPlanner planner(graph, {.bits = 4});
  planner.learn(with_max_abs(graph, 0.8F));
  const auto floats = planner.grid({.scales = false, .batch_norm = true});
  const auto integers = planner.grid({.scales = true, .batch_norm = false});
  int seen = 0;
  for (std::size_t t = 0; t < graph.params.size(); ++t) {
    if (!is_batch_norm(graph.params[t])) continue;
    ++seen;
    CAPTURE(graph.params[t].name);
    CHECK(floats[t].bits == 16);
    CHECK(integers[t].bits == kNotSentBits);
  }
  CHECK(seen == 4 * 4);
}

TEST_CASE("grid_planner: falling bits keep the first step until two are left") {
  const Graph graph = some_graph();
  const UpdateCodec codec = GENERATE(UpdateCodec::kUniform, UpdateCodec::kDither);
  GridPlanner planner(graph, {codec, 6, true});
  planner.learn(with_max_abs(graph, 0.8F));
  const auto first = planner.grid({});
  const auto bits_after = [&](float max_abs) {
    planner.learn(with_max_abs(graph, max_abs));
    const auto grid = planner.grid({});
    REQUIRE(check_grid(grid));
    int bits = 0;
    for (std::size_t t = 0; t < grid.size(); ++t) {
      const ParamTensor& p = graph.params[t];
      if (p.kind == ParamKind::kBias) REQUIRE(grid[t].bits == 16);
      if (p.kind != ParamKind::kWeight) continue;
      if (grid[t].bits > 2 && max_abs <= 0.8F) CHECK(grid[t].step <= first[t].step);
      if (codec == UpdateCodec::kDither && p.size < kLeastEdenBlock)
        continue;  // uniform, from 8 on
      REQUIRE((bits == 0 || bits == grid[t].bits));
      bits = grid[t].bits;
    }
    return bits;
  };
  CHECK(bits_after(0.8F) == 6);
  CHECK(bits_after(0.4F) == 6);  // 15 codes on a side take a little more than half of 31
  CHECK(bits_after(0.38F) == 5);
  CHECK(bits_after(0.05F) == 3);
  CHECK(bits_after(0.001F) == 2);
  CHECK(bits_after(0.008F) == 2);
  CHECK(bits_after(0.06F) == 3);  // and up again where changes grow
  CHECK(bits_after(0.4F) == 6);
  CHECK(bits_after(3.0F) == 6);  // never more than given

  GridPlanner restored(graph, {codec, 6, true});
  const auto state = planner.state();
  std::copy(state.begin(), state.end(), restored.state().begin());
  planner.learn(with_max_abs(graph, 0.1F));
  restored.learn(with_max_abs(graph, 0.1F));
  CHECK(restored.grid({}) == planner.grid({}));
}

TEST_CASE("grid_planner: dither begins with steps of the clients' own") {
  const Graph graph = some_graph();
  GridPlanner planner(graph, {UpdateCodec::kDither, 3});
  const auto first = planner.grid({});
  planner.learn(with_max_abs(graph, 0.8F));
  const auto second = planner.grid({});
  int dithered = 0;
  for (std::size_t t = 0; t < graph.params.size(); ++t) {
    const ParamTensor& p = graph.params[t];
    if (p.kind != ParamKind::kWeight || p.size < kLeastEdenBlock) continue;
    REQUIRE(first[t] == TensorGrid{p.size, 3, 0, UpdateCodec::kDither});
    REQUIRE(second[t] == TensorGrid{p.size, 3, 1.0F / 3, UpdateCodec::kDither});
    ++dithered;
  }
  REQUIRE(dithered > 0);
}
