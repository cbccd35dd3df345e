// Batch normalization: its gradients and statistics in fp32, and that it leaves nothing but other
// weights where a model passes to integers.
#include "common/nn/batch_norm.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "common/nn/engine.h"
#include "common/nn/network.h"
#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

constexpr QuantSpec kFp32{kFloatBits, kFloatBits, 8};
const Shape kImage{9, 8, 3};

Graph some_graph(const QuantSpec& quant) {
  const auto graph = build_graph(batch_norm_model(kImage, 6), quant);
  REQUIRE(graph);
  return *graph;
}

std::span<float> values(const Graph& graph, std::span<float> params, const std::string& name) {
  for (const ParamTensor& p : graph.params) {
    if (p.name == name) return params.subspan(p.offset, p.size);
  }
  FAIL("no tensor " << name);
  return {};
}

// Everything that is trained off its start.
ModelState some_state(const Graph& graph) {
  ModelState state = init_model(graph, 3);
  Rng rng({.seed = 8});
  for (const ParamTensor& p : graph.params) {
    if (p.kind == ParamKind::kWeight || is_scale(p)) continue;
    for (std::size_t i = p.offset; i < p.offset + p.size; ++i) {
      const auto noise = static_cast<float>(0.1 * rng.normal());
      state.params[i] += p.kind == ParamKind::kRunningVariance ? std::abs(noise) : noise;
    }
  }
  return state;
}

}  // namespace

TEST_CASE("batch_norm: gradients agree with differences of the training pass") {
  const Graph graph = some_graph(kFp32);
  const Dataset data = random_dataset(kImage, 6, 40, 5);
  Network net(graph, data.grid, 40);
  net.load(some_state(graph));
  const auto loss = [&] {
    return net.train_batch(data.codes.data(), data.labels.data(), 40).loss / 40;
  };
  loss();
  const std::vector<float> grads(net.grads().begin(), net.grads().end());
  const std::vector<float> start(net.params().begin(), net.params().end());
  Rng rng({.seed = 2});
  for (const ParamTensor& p : graph.params) {
    if (is_statistic(p)) continue;
    double norm = 0;
    for (std::size_t i = 0; i < p.size; ++i) norm += std::pow(grads[p.offset + i], 2);
    norm = std::sqrt(norm);
    INFO(p.name);
    // The mean of the batch, there or in the next step, takes these away again.
    if ((p.kind == ParamKind::kBias && p.name != "out.bias") || p.name == "depth.beta") {
      CHECK(norm < 1e-6);
      continue;
    }
    const double typical = norm / std::sqrt(static_cast<double>(p.size));
    for (int trial = 0; trial < 6; ++trial) {
      std::vector<double> d(p.size);
      double length = 0, analytic = 0;
      for (double& x : d) x = rng.normal(), length += x * x;
      for (std::size_t i = 0; i < p.size; ++i) {
        d[i] /= std::sqrt(length);
        analytic += d[i] * static_cast<double>(grads[p.offset + i]);
      }
      const auto shifted = [&](double t) {
        for (std::size_t i = 0; i < p.size; ++i) {
          net.params()[p.offset + i] = static_cast<float>(start[p.offset + i] + t * d[i]);
        }
        const double l = loss();
        std::copy(start.begin(), start.end(), net.params().begin());
        return l;
      };
      const double h = 1e-3;
      const double numeric = (shifted(h) - shifted(-h)) / (2 * h);
      CHECK(std::abs(numeric - analytic) < 0.1 * typical + 1e-4 * norm);
    }
  }
}

TEST_CASE("batch_norm: a training pass has mean beta and deviation gamma in every channel") {
  ModelSpec spec{.name = "one", .input = {1, 1, 7}, .classes = 4, .nodes = {}};
  spec.nodes = {{.name = "input", .op = Op::kInput, .inputs = {}},
                {.name = "fc", .op = Op::kDense, .inputs = {0}, .units = 4},
                {.name = "norm", .op = Op::kBatchNorm, .inputs = {1}}};
  const auto graph = build_graph(spec, kFp32);
  REQUIRE(graph);
  const Dataset data = random_dataset(spec.input, 4, 64, 1);
  Network net(*graph, data.grid, 64);
  const ModelState state = some_state(*graph);
  net.load(state);
  const auto params = net.params();
  net.train_batch(data.codes.data(), data.labels.data(), 64);
  std::vector<double> mean(4), variance(4);
  for (std::size_t c = 0; c < 4; ++c) {
    for (std::size_t n = 0; n < 64; ++n) mean[c] += double{net.logits()[n * 4 + c]} / 64;
    for (std::size_t n = 0; n < 64; ++n) {
      variance[c] += std::pow(double{net.logits()[n * 4 + c]} - mean[c], 2) / 64;
    }
    CHECK(mean[c] == Approx(values(*graph, params, "fc.beta")[c]).margin(1e-6));
    CHECK(std::sqrt(variance[c]) == Approx(std::abs(values(*graph, params, "fc.gamma")[c])));
  }

  // Statistics: of the sums before, variance over n - 1.
  for (std::size_t c = 0; c < 4; ++c) {
    double sum = 0, squares = 0;
    for (std::size_t n = 0; n < 64; ++n) {
      double v = values(*graph, params, "fc.bias")[c];
      for (std::size_t k = 0; k < 7; ++k) {
        v += double{data.grid.scale} * (data.sample(n)[k] - data.grid.zero) *
             double{values(*graph, params, "fc.weight")[c * 7 + k]};
      }
      sum += v, squares += v * v;
    }
    std::vector<float> grads(net.grads().begin(), net.grads().end());
    const double batch_mean = sum / 64, batch_variance = (squares - sum * sum / 64) / 63;
    CHECK(values(*graph, grads, "fc.running_mean")[c] ==
          Approx(values(*graph, params, "fc.running_mean")[c] - batch_mean).margin(1e-5));
    CHECK(values(*graph, grads, "fc.running_variance")[c] ==
          Approx(values(*graph, params, "fc.running_variance")[c] - batch_variance).margin(1e-5));
  }
}

TEST_CASE("batch_norm: one value a channel is no batch, its statistics are the running ones") {
  ModelSpec spec{.name = "one", .input = {1, 1, 7}, .classes = 4, .nodes = {}};
  spec.nodes = {{.name = "input", .op = Op::kInput, .inputs = {}},
                {.name = "fc", .op = Op::kDense, .inputs = {0}, .units = 4},
                {.name = "norm", .op = Op::kBatchNorm, .inputs = {1}}};
  const auto graph = build_graph(spec, kFp32);
  const Dataset data = random_dataset(spec.input, 4, 1, 1);
  Network net(*graph, data.grid, 1);
  net.load(some_state(*graph));
  const double trained = net.train_batch(data.codes.data(), data.labels.data(), 1).loss;
  CHECK(net.eval_batch(data.codes.data(), data.labels.data(), 1).loss == trained);
  for (const ParamTensor& p : graph->params) {
    if (is_statistic(p)) CHECK(net.grads()[p.offset] == 0);
    if (p.kind == ParamKind::kWeight) CHECK(net.grads()[p.offset] != 0);
  }
}

TEST_CASE("batch_norm: the packed fp32 model computes what evaluation computes, without it") {
  const Graph graph = some_graph(kFp32);
  const Dataset data = random_dataset(kImage, 6, 20, 3);
  const ModelState state = some_state(graph);
  Network net(graph, data.grid, 20);
  net.load(state);
  net.infer_batch(data.codes.data(), 20);
  const PackedModel packed = pack_model(graph, state, data.grid);
  for (const NodeSpec& node : packed.spec.nodes) CHECK(node.op != Op::kBatchNorm);
  auto engine = Engine::make(packed, 20);
  REQUIRE(engine);
  engine->run(data.codes.data(), 20);
  float most = 0, error = 0;
  for (std::size_t i = 0; i < 120; ++i) {
    most = std::max(most, std::abs(net.logits()[i]));
    error = std::max(error, std::abs(net.logits()[i] - engine->logits()[i]));
  }
  CHECK(most > 0.1F);
  CHECK(error < 1e-5F * most);

  PackedModel unfolded = packed;
  unfolded.spec = graph.spec;
  const auto refused = validate(unfolded);
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().what, Catch::Contains("conv_norm") && Catch::Contains("folds"));
}

TEST_CASE("batch_norm: integer passes do not read gamma, beta or statistics") {
  const Graph graph = some_graph({});
  const Dataset data = random_dataset(kImage, 6, 20, 3);
  ModelState state = calibrated(graph, some_state(graph), data);
  Network net(graph, data.grid, 20);
  const auto train = [&] {
    net.load(state);
    net.train_batch(data.codes.data(), data.labels.data(), 20);
    return std::vector<float>(net.grads().begin(), net.grads().end());
  };
  const auto before = train();
  for (const ParamTensor& p : graph.params) {
    if (!is_batch_norm(p)) continue;
    for (std::size_t i = p.offset; i < p.offset + p.size; ++i) {
      CHECK(before[i] == 0);
      state.params[i] = 7;
    }
  }
  CHECK(train() == before);
}

TEST_CASE("batch_norm: plain steps lower the loss of evaluation, before and after folding") {
  const Shape image{8, 8, 1};
  const Dataset data = blob_dataset(image, 4, 64, 1);
  const auto graph = build_graph(batch_norm_model(image, 4), {});
  Network net(*graph, data.grid, 64);
  ModelState state = init_model(*graph, 1);
  const auto loss = [&] {
    return net.eval_batch(data.codes.data(), data.labels.data(), 64).loss / 64;
  };
  const auto train = [&] {
    for (int step = 0; step < 60; ++step) {
      net.train_batch(data.codes.data(), data.labels.data(), 64);
      for (const ParamTensor& p : graph->params) {
        const float rate = is_statistic(p) ? kStatisticsMomentum : is_scale(p) ? 0.001F : 0.05F;
        for (std::size_t i = p.offset; i < p.offset + p.size; ++i) {
          net.params()[i] -= rate * net.grads()[i];
        }
      }
    }
  };
  net.load(state);
  train();
  const double fp32 = loss();
  CHECK(fp32 < 0.3);
  state.params.assign(net.params().begin(), net.params().end());
  state = calibrated(*graph, state, data);
  net.load(state);
  CHECK(loss() < fp32 + 0.1);  // folded and rounded, it is still the same network
  train();
  CHECK(loss() < fp32);
}

TEST_CASE("batch_norm: is refused where it cannot be folded, with place and remedy") {
  const ModelSpec good = batch_norm_model(kImage, 6);
  REQUIRE(infer_shapes(good));
  const auto refuses = [&](auto spoil, const char* what, const char* remedy) {
    ModelSpec bad = good;
    spoil(bad);
    const auto r = infer_shapes(bad);
    REQUIRE_FALSE(r);
    CHECK_THAT(r.error().what, Catch::Contains(what) && Catch::Contains(remedy));
  };
  const auto norm = [](ModelSpec& m, int input) {
    NodeSpec& last = m.nodes.back();
    m.nodes.push_back(last);
    m.nodes.back().name = "logits";
    m.nodes.back().inputs = {static_cast<int>(m.nodes.size()) - 2};
    m.nodes[m.nodes.size() - 2] = {.name = "extra", .op = Op::kBatchNorm, .inputs = {input}};
  };
  refuses([&](ModelSpec& m) { norm(m, 3); }, "layer 'extra'", "directly behind");  // a ReLU
  refuses([&](ModelSpec& m) { norm(m, 0); }, "'input' is input", "directly behind");
  refuses([&](ModelSpec& m) { norm(m, 2); }, "'conv_norm' is batch_norm", "directly behind");
  refuses([&](ModelSpec& m) { norm(m, 1); }, "'extra' reads 'conv' too", "let it read 'conv_norm'");
}

TEST_CASE("batch_norm: without it a network has the same steps") {
  const ModelSpec spec = *model_from_zoo("ds-cnn", {49, 10, 1}, 12);
  const auto with = build_graph(spec, {}), without = build_graph(without_batch_norm(spec), {});
  REQUIRE(with);
  REQUIRE(without);
  REQUIRE(with->steps.size() == 11);
  REQUIRE(without->steps.size() == 11);
  for (std::size_t i = 0; i < 11; ++i) {
    CHECK(with->steps[i].name == without->steps[i].name);
    CHECK(with->steps[i].out == without->steps[i].out);
    CHECK(with->steps[i].relu == without->steps[i].relu);
    CHECK_FALSE(without->steps[i].batch_norm);
  }
  CHECK(with->steps[0].out == Shape{25, 5, 64});
  CHECK(with->weight_count == 64 * 41 + 4 * (64 * 10 + 64 * 65) + 12 * 65);
  CHECK(with->param_count - without->param_count == 9 * 4 * 64);
}
