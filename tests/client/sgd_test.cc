#include "client/sgd.h"

#include <catch2/catch.hpp>

#include "common/wire/broadcast.h"
#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

Graph some_graph() { return *build_graph(every_layer_model({8, 8, 1}, 3), {8, 8, 8}); }

}  // namespace

TEST_CASE("sgd: two steps follow the formula for each kind of tensor") {
  const Graph graph = some_graph();
  const std::size_t n = graph.param_count;
  Sgd sgd(graph);
  const LocalTraining t{1, 1, 0.5F, 0.5F, 0.25F, 2, 0.125F, 0};
  std::vector<float> w(n, 1.0F);
  const std::vector<float> g(n, 0.25F);
  const std::vector<float> start = w;
  sgd.start(start, true);
  sgd.step(t, g, w);
  sgd.step(t, g, w);
  for (const ParamTensor& p : graph.params) {
    CAPTURE(p.name);
    float want = 1;
    if (p.kind == ParamKind::kWeight || p.kind == ParamKind::kBias) {
      const float decay = p.kind == ParamKind::kWeight ? 0.25F : 0;
      float v = 0;
      for (int i = 0; i < 2; ++i) {
        v = 0.5F * v + (0.25F + (decay * want + 2 * (want - 1)));
        want -= 0.5F * v;
      }
    } else {
      for (int i = 0; i < 2; ++i) want -= 0.5F * 0.125F * 0.25F;
    }
    for (std::size_t i = p.offset; i < p.offset + p.size; ++i) REQUIRE(w[i] == want);
    REQUIRE(sgd.delta(w)[p.offset] == w[p.offset] - 1);
  }
}

TEST_CASE("sgd: a scale moves by a twentieth of an octave at most, or not at all") {
  const Graph graph = some_graph();
  Sgd sgd(graph);
  std::vector<float> w(graph.param_count, 0.0F);
  const std::vector<float> g(graph.param_count, 100.0F);
  const std::vector<float> start = w;
  sgd.start(start, true);
  sgd.step({1, 1, 1, 0, 0, 0, 1, 0}, g, w);
  const auto moved = w;
  sgd.step({1, 1, 1, 0, 0, 0, 0, 0}, g, w);
  for (const ParamTensor& p : graph.params) {
    if (p.kind == ParamKind::kWeight || p.kind == ParamKind::kBias) continue;
    REQUIRE(moved[p.offset] == -kMaxScaleStep);
    REQUIRE(w[p.offset] == moved[p.offset]);
  }
}

TEST_CASE("sgd: a scale stays where a model may have it") {
  const Graph graph = some_graph();
  Sgd sgd(graph);
  const float sign = GENERATE(-1.0F, 1.0F);
  std::vector<float> w(graph.param_count, sign * (kMaxLog2Scale - 0.02F));
  const std::vector<float> g(graph.param_count, -sign * 100);
  const std::vector<float> start = w;
  sgd.start(start, true);
  sgd.step({1, 1, 1, 0, 0, 0, 1, 0}, g, w);
  for (const ParamTensor& p : graph.params) {
    if (p.kind == ParamKind::kWeight || p.kind == ParamKind::kBias) continue;
    REQUIRE(w[p.offset] == sign * kMaxLog2Scale);
  }
}

TEST_CASE("sgd: an offset stays among the codes") {
  const Graph graph =
      *build_graph(every_layer_model({8, 8, 1}, 3), {.range_rule = RangeRule::kLsqPlus});
  Sgd sgd(graph);
  const float sign = GENERATE(-1.0F, 1.0F);
  std::vector<float> w(graph.param_count, 0.5F + sign * 0.48F);
  const std::vector<float> g(graph.param_count, -sign * 100);
  const std::vector<float> start = w;
  sgd.start(start, true);
  sgd.step({1, 1, 1, 0, 0, 0, 1, 0}, g, w);
  int offsets = 0;
  for (const ParamTensor& p : graph.params) {
    if (p.kind != ParamKind::kActivationOffset) continue;
    REQUIRE(w[p.offset] == (sign > 0 ? 1 : 0));
    ++offsets;
  }
  REQUIRE(offsets > 0);
}

TEST_CASE("sgd: observed ranges move whatever the learning rate, unless they are frozen") {
  const Graph graph =
      *build_graph(every_layer_model({8, 8, 1}, 3), {.range_rule = RangeRule::kEma});
  Sgd sgd(graph);
  std::vector<float> w(graph.param_count, 1.0F);
  const std::vector<float> g(graph.param_count, 0.03125F);
  const std::vector<float> start = w;
  sgd.start(start, true);
  sgd.step({1, 1, 0.001F, 0, 0, 0, 0.5F, 0}, g, w);
  const auto moved = w;
  sgd.step({1, 1, 0.001F, 0, 0, 0, 0, 0}, g, w);
  for (const ParamTensor& p : graph.params) {
    if (p.kind != ParamKind::kActivationScale) continue;
    REQUIRE(moved[p.offset] == 1 - 0.03125F);
    REQUIRE(w[p.offset] == moved[p.offset]);
  }
}

TEST_CASE("sgd: every round starts with momentum zero") {
  const Graph graph = some_graph();
  Sgd sgd(graph);
  const LocalTraining t{1, 1, 0.5F, 0.9F, 0, 0, 0, 0};
  const std::vector<float> g(graph.param_count, 1.0F);
  std::vector<float> once(graph.param_count, 0.0F), again = once;
  const std::vector<float> start = once;
  sgd.start(start, true);
  sgd.step(t, g, once);
  sgd.start(start, true);
  sgd.step(t, g, again);
  REQUIRE(once == again);
}

TEST_CASE("sgd: gamma and beta learn like biases, statistics go a tenth of the way") {
  const Graph graph = *build_graph(batch_norm_model({8, 8, 1}, 3), {8, 8, 8});
  Sgd sgd(graph);
  const LocalTraining t{1, 1, 0.5F, 0.5F, 0.25F, 2, 0, 0};
  std::vector<float> w(graph.param_count, 1.0F);
  const std::vector<float> g(graph.param_count, 0.25F);
  const std::vector<float> start = w;
  sgd.start(start, true);
  sgd.step(t, g, w);
  sgd.step(t, g, w);
  for (const ParamTensor& p : graph.params) {
    if (!is_batch_norm(p)) continue;
    CAPTURE(p.name);
    float want = 1, v = 0;
    for (int i = 0; i < 2; ++i) {
      v = 0.5F * v + (0.25F + (0 * want + 2 * (want - 1)));
      want -= is_statistic(p) ? 0.1F * 0.25F : 0.5F * v;
    }
    CHECK(w[p.offset] == want);
    CHECK((sgd.velocity()[p.offset] == 0) == is_statistic(p));
  }
}
