#include "coordinator/strategy.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

wire::ServerConfig server(const char* name, double rate) {
  wire::ServerConfig config;
  config.set_strategy(name);
  config.set_learning_rate(rate);
  config.set_momentum(0.5);
  config.set_beta2(0.75);
  config.set_tau(0.25);
  return config;
}

// Two rounds of the same mean.
float after_two(const wire::ServerConfig& config, float d) {
  auto strategy = make_strategy(config, 1);
  REQUIRE(strategy);
  std::vector<float> w = {1};
  for (int i = 0; i < 2; ++i) (*strategy)->apply(w, std::vector<float>{d});
  return w[0];
}

}  // namespace

TEST_CASE("strategy: each follows its formula") {
  REQUIRE(after_two(server("fedavg", 0.5), 2) == 3);
  REQUIRE(after_two(server("fedprox", 0.5), 2) == 3);
  REQUIRE(after_two(server("fedavgm", 0.5), 2) == 1 + 0.5F * 2 + 0.5F * 3);
  // m: 1, 1.5; v: 1, 1.75
  const float adam = 1 + 1 / (1 + 0.25F) + 1.5F / (std::sqrt(1.75F) + 0.25F);
  REQUIRE(after_two(server("fedadam", 1), 2) == Approx(adam));
  REQUIRE_FALSE(make_strategy(server("fedbest", 1), 1));
}

TEST_CASE("strategy: scales are averaged plainly and move a quarter of an octave at most") {
  const auto graph = build_graph(every_layer_model({8, 8, 1}, 3), {4, 4, 8});
  const char* name = GENERATE("fedavg", "fedavgm", "fedadam");
  auto strategy = make_strategy(server(name, 0.5), graph->param_count);
  std::vector<float> params(graph->param_count, 0.0F), mean(graph->param_count, 0.125F);
  for (const ParamTensor& p : graph->params) {
    if (p.kind == ParamKind::kActivationScale) mean[p.offset] = -3;
  }
  apply_mean(*graph, **strategy, mean, params);
  for (const ParamTensor& p : graph->params) {
    CAPTURE(name, p.name);
    if (p.kind == ParamKind::kActivationScale) REQUIRE(params[p.offset] == -0.25F);
    if (p.kind == ParamKind::kWeightScale) REQUIRE(params[p.offset] == 0.125F);
    if (p.kind == ParamKind::kWeight) REQUIRE(params[p.offset] > 0);
  }
}

TEST_CASE("strategy: running statistics move by the plain mean, a variance not below zero") {
  const auto graph = build_graph(batch_norm_model({8, 8, 1}, 3), {8, 8, 8});
  const char* name = GENERATE("fedavg", "fedavgm", "fedadam");
  auto strategy = make_strategy(server(name, 0.5), graph->param_count);
  std::vector<float> params(graph->param_count, 0.25F), mean(graph->param_count, -0.125F);
  for (int round = 0; round < 3; ++round) apply_mean(*graph, **strategy, mean, params);
  for (const ParamTensor& p : graph->params) {
    CAPTURE(name, p.name);
    if (p.kind == ParamKind::kRunningMean) CHECK(params[p.offset] == -0.125F);
    if (p.kind == ParamKind::kRunningVariance) CHECK(params[p.offset] == 0);
    for (const auto state : (*strategy)->state()) {
      CHECK((state[p.offset] == 0) == (is_statistic(p) || is_scale(p)));
    }
  }
}
