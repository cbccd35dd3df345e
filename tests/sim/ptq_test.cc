#include "sim/ptq.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "common/base/rng.h"
#include "common/data/digits.h"
#include "common/nn/engine.h"
#include "sim/ptq/adaround.h"
#include "sim/ptq/bias_correction.h"
#include "sim/ptq/equalize.h"

namespace fedqat {
namespace {

constexpr QuantSpec kFp32{kFloatBits, kFloatBits, 8};

// A convolution, ReLU, pool and two dense layers over 8 x 8 digits; channel ranges far apart.
struct Trained {
  Trained() {
    const auto spec = model_from_zoo("digits-cnn", data.train.shape, data.train.classes);
    REQUIRE(spec);
    network = {*spec, kFp32, data.train.grid};
    auto built = build_graph(*spec, kFp32);
    REQUIRE(built);
    graph = *built;
    state = init_model(graph, 5);
    const std::vector<std::uint32_t> owners(data.train.size(), 0);
    partition = Partition(owners, 1);
  }
  std::vector<float> logits(std::span<const float> params, int n) {
    ModelState s = state;
    s.params.assign(params.begin(), params.end());
    Network net(graph, data.train.grid, n);
    net.load(s);
    net.infer_batch(data.train.sample(0).data(), n);
    return {net.logits().begin(), net.logits().begin() + n * data.train.classes};
  }
  DataSplit data = load_digits();
  NetworkSpec network;
  Graph graph;
  ModelState state;
  Partition partition{{}, 0};
};

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(double{a[i]} - b[i]));
  return most;
}

TEST_CASE("equalize: the function stays the same, and ranges of channels meet those of readers") {
  Trained t;
  Rng rng({.seed = 9});
  const ParamTensor& first = t.graph.params[static_cast<std::size_t>(t.graph.steps[0].weight)];
  const std::size_t fan_in = first.size / static_cast<std::size_t>(first.channels);
  for (std::size_t i = 0; i < first.size; ++i) {
    t.state.params[first.offset + i] *= static_cast<float>(std::exp2(double(i / fan_in % 5) - 2));
  }
  const auto before = t.logits(t.state.params, 16);
  auto params = t.state.params;
  equalize(t.graph, params);
  CHECK(largest_difference(before, t.logits(params, 16)) < 1e-4 * 16);
  const auto spread = [&](const std::vector<float>& p) {
    double low = 1e30, high = 0;
    for (int c = 0; c < first.channels; ++c) {
      double r = 0;
      for (std::size_t j = 0; j < fan_in; ++j) {
        const auto at = first.offset + static_cast<std::size_t>(c) * fan_in + j;
        r = std::max(r, std::abs(double{p[at]}));
      }
      low = std::min(low, r);
      high = std::max(high, r);
    }
    return high / low;
  };
  CHECK(spread(params) < 0.6 * spread(t.state.params));
}

TEST_CASE("adaround: finds the rounding that correlated inputs want") {
  // Both weights are 0.4 steps above a code and always see the same input: rounding both down errs
  // by 0.8, one up by 0.2.
  CalibrationData::Rows x{.values = {}, .rows = 200, .depth = 2};
  Rng rng({.seed = 2});
  for (int i = 0; i < x.rows; ++i) {
    const float v = rng.uniform();
    x.values.insert(x.values.end(), {v, v});
  }
  const std::vector<float> w = {1.4F, 2.4F}, scale = {1.0F};
  const auto codes = adaround_codes(w, scale, 7, x);
  REQUIRE(codes.size() == 2);
  CHECK(codes[0] + codes[1] == 4.0F);
}

TEST_CASE("adaround: is near the best of all roundings, and never worse than to the nearest") {
  constexpr std::size_t kDepth = 10;
  Rng rng({.seed = 8});
  CalibrationData::Rows x{.values = {}, .rows = 150, .depth = kDepth};
  for (int i = 0; i < x.rows; ++i) {
    const double common = rng.normal();
    for (std::size_t j = 0; j < kDepth; ++j) {
      x.values.push_back(static_cast<float>(std::max(0.0, common + 0.5 * rng.normal())));
    }
  }
  std::vector<float> w(2 * kDepth);
  for (auto& v : w) v = rng.uniform() - 0.5F;
  const std::vector<float> scale = {0.1F, 0.12F};
  const auto codes = adaround_codes(w, scale, 7, x);
  for (std::size_t c = 0; c < scale.size(); ++c) {
    const double s = scale[c];
    const auto error = [&](auto code_of) {
      double sum = 0;
      for (std::size_t r = 0; r < 150; ++r) {
        double e = 0;
        for (std::size_t j = 0; j < kDepth; ++j) {
          e += x.values[r * kDepth + j] * (s * code_of(j) - w[c * kDepth + j]);
        }
        sum += e * e;
      }
      return sum;
    };
    const double nearest =
        error([&](std::size_t j) { return std::nearbyint(w[c * kDepth + j] / s); });
    const double found = error([&](std::size_t j) { return double{codes[c * kDepth + j]}; });
    double best = nearest;
    for (unsigned up = 0; up < 1U << kDepth; ++up) {
      best = std::min(best, error([&](std::size_t j) {
                        return std::floor(w[c * kDepth + j] / s) + (up >> j & 1U);
                      }));
    }
    INFO("nearest " << nearest << ", found " << found << ", best " << best);
    CHECK(found <= nearest);
    CHECK(found <= best + 0.3 * (nearest - best));
  }
}

TEST_CASE("bias correction: the mean of a layer's sums is that of the fp32 network") {
  Trained t;
  const auto quantized = build_graph(t.network.model, QuantSpec{3, 8, 3});
  REQUIRE(quantized);
  CalibrationData data(t.graph, t.data.train.grid, t.state, t.data.train, t.partition, 64);
  ModelState state;
  state.params.assign(quantized->param_count, 0.0F);
  state.zero_points.assign(quantized->steps.size(), 0);
  for (std::size_t i = 0; i < t.graph.steps.size(); ++i) {
    const Step &from = t.graph.steps[i], &to = quantized->steps[i];
    if (!from.has_weights()) continue;
    const auto& source = t.graph.params[static_cast<std::size_t>(from.weight)];
    const auto& target = quantized->params[static_cast<std::size_t>(to.weight)];
    std::copy_n(t.state.params.begin() + static_cast<std::ptrdiff_t>(source.offset), source.size,
                state.params.begin() + static_cast<std::ptrdiff_t>(target.offset));
  }
  calibrate(*quantized, data.histograms(), {}, state);
  correct_biases(*quantized, data, state.params);
  for (std::size_t i = 0; i < t.graph.steps.size(); ++i) {
    const Step& step = quantized->steps[i];
    if (step.op != Op::kDense) continue;
    const auto w = rounded_weights(*quantized, step, state.params);
    const auto mean = data.mean_window(static_cast<int>(i));
    const auto& real = t.graph.params[static_cast<std::size_t>(t.graph.steps[i].weight)];
    const auto& bias = quantized->params[static_cast<std::size_t>(step.bias)];
    for (std::size_t c = 0; c < bias.size; ++c) {
      double sum = state.params[bias.offset + c], wanted = 0;  // biases of fp32 are 0
      for (std::size_t j = 0; j < mean.size(); ++j) {
        sum += double{w[c * mean.size() + j]} * mean[j];
        wanted += double{t.state.params[real.offset + c * mean.size() + j]} * mean[j];
      }
      CHECK(sum == Approx(wanted).margin(1e-4));
    }
  }
}

TEST_CASE("ptq: every calibrator and technique makes a model that the engine takes") {
  Trained t;
  t.network.quant = {4, 4, 8};
  for (const Calibrator& calibrator : calibrators()) {
    PtqOptions options{.calibration_samples = 16, .calibration = {&calibrator, 0.999}};
    options.equalize = options.bias_correction = true;
    auto model = quantize_after_training(t.network, t.state, t.data.train, t.partition, options);
    REQUIRE(model);
    CHECK(Engine::make(std::move(*model), 1));
  }
}

}  // namespace
}  // namespace fedqat
