#include "client/kure.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "client/sgd.h"
#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

Graph some_graph() { return *build_graph(every_layer_model({8, 8, 1}, 3), {8, 8, 8}); }

std::vector<float> random_params(const Graph& graph) {
  Rng rng({.seed = 4});
  std::vector<float> w(graph.param_count);
  for (float& x : w) x = static_cast<float>(0.3 * rng.normal() + 0.1);
  return w;
}

// What the regulariser adds to the loss, as [Shkolnik20] writes it.
double penalty(const Graph& graph, const std::vector<float>& params, double weight) {
  double sum = 0, tensors = 0;
  for (const ParamTensor& p : graph.params) {
    if (p.kind != ParamKind::kWeight) continue;
    ++tensors;
    const auto n = static_cast<double>(p.size);
    double mean = 0, second = 0, fourth = 0;
    for (std::size_t i = 0; i < p.size; ++i) mean += double{params[p.offset + i]} / n;
    for (std::size_t i = 0; i < p.size; ++i) {
      const double d = double{params[p.offset + i]} - mean;
      second += d * d / n;
      fourth += d * d * d * d / n;
    }
    sum += std::pow(fourth / (second * second) - kUniformKurtosis, 2);
  }
  return weight * sum / tensors;
}

}  // namespace

TEST_CASE("kure: the gradient is that of the penalty, of weights alone") {
  const Graph graph = some_graph();
  const std::vector<float> w = random_params(graph);
  Kure kure(graph, 0.5);
  kure.measure(w);
  for (std::size_t t = 0; t < graph.params.size(); ++t) {
    const ParamTensor& p = graph.params[t];
    std::vector<float> all(p.size, 1.0F), part(p.size, 1.0F);
    kure.add(static_cast<int>(t), 0, w, all);
    const std::size_t half = p.size / 2;
    kure.add(static_cast<int>(t), 0, w, std::span(part).first(half));
    kure.add(static_cast<int>(t), half, w, std::span(part).subspan(half));
    CHECK(part == all);  // whatever the pieces
    for (std::size_t i = 0; i < p.size; i += 1 + p.size / 7) {
      INFO(p.name << " " << i);
      if (p.kind != ParamKind::kWeight) {
        CHECK(all[i] == 1);
        continue;
      }
      std::vector<float> up = w, down = w;
      up[p.offset + i] += 0x1p-8F;
      down[p.offset + i] -= 0x1p-8F;
      const double step = double{up[p.offset + i]} - double{down[p.offset + i]};
      const double slope = (penalty(graph, up, 0.5) - penalty(graph, down, 0.5)) / step;
      CHECK(all[i] - 1 == Approx(slope).epsilon(0.02).margin(2e-4));
    }
  }
}

TEST_CASE("kure: equal weights have no gradient") {
  const Graph graph = some_graph();
  const std::vector<float> w(graph.param_count, 0.5F);
  Kure kure(graph, 1);
  kure.measure(w);
  std::vector<float> g(graph.params[0].size, 0.25F);
  kure.add(0, 0, w, g);
  CHECK(g == std::vector<float>(g.size(), 0.25F));
}

TEST_CASE("kure: steps with it make weights uniform") {
  const Graph graph = some_graph();
  std::vector<float> w = random_params(graph);
  Sgd sgd(graph);
  const std::vector<float> start = w;
  sgd.start(start, true);
  Kure kure(graph, 1);
  const LocalTraining t{.epochs = 1, .batch = 1, .learning_rate = 0.5F};
  SgdSink sink(sgd, t, w, &kure);
  const double before = penalty(graph, w, 1);
  for (int step = 0; step < 200; ++step) {
    kure.measure(w);
    for (std::size_t i = 0; i < graph.params.size(); ++i) {
      std::vector<float> none(graph.params[i].size);
      sink.take(static_cast<int>(i), 0, none);
    }
  }
  CHECK(penalty(graph, w, 1) < 0.2 * before);
}
