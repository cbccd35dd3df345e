// Gradients: against differences in fp32, against the surrogate's formulas in integers.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "common/base/exact_math.h"
#include "common/nn/network.h"
#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

constexpr QuantSpec kFp32{kFloatBits, kFloatBits, 8};

double loss_of(Network& net, const Dataset& d) {
  return net.eval_batch(d.codes.data(), d.labels.data(), static_cast<int>(d.size())).loss /
         static_cast<double>(d.size());
}

}  // namespace

TEST_CASE("gradients: fp32 backward agrees with differences for every layer type") {
  const Shape image{9, 8, 3};
  const auto graph = build_graph(every_layer_model(image, 6), kFp32);
  REQUIRE(graph);
  const Dataset data = random_dataset(image, 6, 40, 5);  // several blocks of windows
  Network net(*graph, data.grid, 40);
  net.load(init_model(*graph, 3));
  Rng rng({.seed = 8});
  for (const ParamTensor& p : graph->params) {  // biases off zero, so that ReLU sees both sides
    if (p.kind == ParamKind::kBias) {
      for (std::size_t i = 0; i < p.size; ++i) {
        net.params()[p.offset + i] = static_cast<float>(0.1 * rng.normal());
      }
    }
  }
  net.train_batch(data.codes.data(), data.labels.data(), 40);
  const std::vector<float> grads(net.grads().begin(), net.grads().end());
  for (const ParamTensor& p : graph->params) {
    double norm = 0;
    for (std::size_t i = 0; i < p.size; ++i) norm += std::pow(grads[p.offset + i], 2);
    norm = std::sqrt(norm);
    REQUIRE(norm > 0);
    // Random unit directions: whatever part of a gradient is wrong shows in g . d. A typical g . d
    // is |g| / sqrt(n); a tenth of that covers the kinks of ReLU and max.
    const double typical = norm / std::sqrt(static_cast<double>(p.size));
    for (int trial = 0; trial < 6; ++trial) {
      std::vector<double> d(p.size);
      double length = 0, analytic = 0;
      for (double& x : d) x = rng.normal(), length += x * x;
      for (std::size_t i = 0; i < p.size; ++i) {
        d[i] /= std::sqrt(length);
        analytic += d[i] * static_cast<double>(grads[p.offset + i]);
      }
      const std::vector<float> start(net.params().begin(), net.params().end());
      const auto shifted = [&](double t) {
        for (std::size_t i = 0; i < p.size; ++i) {
          net.params()[p.offset + i] = static_cast<float>(start[p.offset + i] + t * d[i]);
        }
        const double loss = loss_of(net, data);
        std::copy(start.begin(), start.end(), net.params().begin());
        return loss;
      };
      const double h = 4e-3;
      const double numeric = (shifted(h) - shifted(-h)) / (2 * h);
      INFO(p.name << " trial " << trial);
      CHECK(std::abs(numeric - analytic) < 0.1 * typical + 1e-4 * norm);
    }
  }
}

namespace {

// One layer of 4 outputs with 7 weights each; input_of(c, k) is what output c multiplies by its
// weight k.
template <class InputOf>
void check_straight_through(const ModelSpec& spec, InputOf input_of) {
  const Shape in = spec.input;
  const auto graph = build_graph(spec, {4, 4, 4});
  REQUIRE(graph);
  const Dataset data = random_dataset(in, 4, 12, 2);
  ModelState state = calibrated(*graph, init_model(*graph, 3), data);
  for (float& x : state.params) x += 0.01F;
  Network net(*graph, data.grid, 12);
  net.load(state);
  net.train_batch(data.codes.data(), data.labels.data(), 12);

  const auto at = [&](std::size_t tensor, std::size_t i) {
    return graph->params[tensor].offset + i;
  };
  const double sy = static_cast<float>(exact_exp2(state.params[at(3, 0)]));
  const int zy = state.zero_points[0];
  std::vector<double> dw(28), db(4), dsw(4);
  double dsy = 0;
  for (std::size_t n = 0; n < 12; ++n) {
    double v[4], code[4], sum = 0, top = -1e9;
    for (std::size_t c = 0; c < 4; ++c) {
      const double sw = static_cast<float>(exact_exp2(state.params[at(2, c)]));
      const double step = double{data.grid.scale} * sw;
      double acc = std::nearbyint(state.params[at(1, c)] / step);
      for (std::size_t k = 0; k < 7; ++k) {
        const double wq =
            std::clamp(std::nearbyint(state.params[at(0, c * 7 + k)] / sw), -7.0, 7.0);
        acc += (data.sample(n)[input_of(c, k)] - data.grid.zero) * wq;
      }
      v[c] = acc * step / sy;
      code[c] = std::clamp(std::nearbyint(v[c]), double(-zy), double(15 - zy));
      top = std::max(top, sy * code[c]);
    }
    for (std::size_t c = 0; c < 4; ++c) sum += std::exp(sy * code[c] - top);
    for (std::size_t c = 0; c < 4; ++c) {
      const double dy = (std::exp(sy * code[c] - top) / sum - (data.labels[n] == c ? 1 : 0)) / 12;
      const bool inside = v[c] > -zy && v[c] < 15 - zy;
      dsy += dy * (inside ? code[c] - v[c] : code[c]);
      if (!inside) continue;
      db[c] += dy;
      const double sw = static_cast<float>(exact_exp2(state.params[at(2, c)]));
      for (std::size_t k = 0; k < 7; ++k) {
        const int x = data.sample(n)[input_of(c, k)] - data.grid.zero;
        const double g = dy * data.grid.scale * x;
        const double t = state.params[at(0, c * 7 + k)] / sw;
        const double wq = std::clamp(std::nearbyint(t), -7.0, 7.0);
        const bool in_w = t > -7 && t < 7;
        if (in_w) dw[c * 7 + k] += g;
        dsw[c] += g * (in_w ? wq - t : wq);
      }
    }
  }
  for (std::size_t i = 0; i < 28; ++i) CHECK(net.grads()[at(0, i)] == Approx(dw[i]).margin(1e-5));
  for (std::size_t c = 0; c < 4; ++c) {
    CHECK(net.grads()[at(1, c)] == Approx(db[c]).margin(1e-5));
    const double sw = static_cast<float>(exact_exp2(state.params[at(2, c)]));
    CHECK(net.grads()[at(2, c)] ==
          Approx(dsw[c] * sw * std::log(2) / std::sqrt(7 * 7)).margin(1e-5));
  }
  CHECK(net.grads()[at(3, 0)] == Approx(dsy * sy * std::log(2) / std::sqrt(4 * 15)).margin(1e-5));
}

}  // namespace

TEST_CASE("gradients: one quantized dense layer follows the straight-through formulas") {
  check_straight_through(*model_from_zoo("softmax", {1, 1, 7}, 4),
                         [](std::size_t, std::size_t k) { return k; });
}

TEST_CASE("gradients: so does a depthwise layer, each channel with a window of its own") {
  ModelSpec spec{.name = "depthwise", .input = {1, 7, 4}, .classes = 4, .nodes = {}};
  spec.nodes = {{.name = "input", .op = Op::kInput, .inputs = {}},
                {.name = "depthwise",
                 .op = Op::kDepthwiseConv2d,
                 .inputs = {0},
                 .kernel_h = 1,
                 .kernel_w = 7}};
  check_straight_through(spec, [](std::size_t c, std::size_t k) { return 4 * k + c; });
}

TEST_CASE("gradients: at 8 bits the integer backward is close to the fp32 one") {
  const Shape image{9, 8, 3};
  const ModelSpec spec = every_layer_model(image, 6);
  const auto graph = build_graph(spec, {});
  const Dataset data = random_dataset(image, 6, 32, 5);
  ModelState state = calibrated(*graph, init_model(*graph, 3), data);
  Network net(*graph, data.grid, 32);
  net.load(state);
  net.train_batch(data.codes.data(), data.labels.data(), 32);
  const std::vector<float> quantized(net.grads().begin(), net.grads().end());
  state.quantized = false;
  net.load(state);
  net.train_batch(data.codes.data(), data.labels.data(), 32);
  for (const ParamTensor& p : graph->params) {
    if (p.kind != ParamKind::kWeight) continue;
    double dot = 0, a2 = 0, b2 = 0;
    for (std::size_t i = p.offset; i < p.offset + p.size; ++i) {
      const double a = quantized[i], b = net.grads()[i];
      dot += a * b, a2 += a * a, b2 += b * b;
    }
    INFO(p.name);
    CHECK(dot / std::sqrt(a2 * b2) > 0.9);
  }
}

TEST_CASE("training: plain steps lower the loss in fp32 and in integers") {
  const Shape image{8, 8, 1};
  const Dataset data = blob_dataset(image, 4, 64, 1);
  const auto graph = build_graph(every_layer_model(image, 4), {});
  Network net(*graph, data.grid, 64);
  ModelState state = init_model(*graph, 1);
  for (const bool integers : {false, true}) {
    if (integers) state = calibrated(*graph, state, data);
    net.load(state);
    const double before = loss_of(net, data);
    for (int step = 0; step < 30; ++step) {
      net.train_batch(data.codes.data(), data.labels.data(), 64);
      for (std::size_t i = 0; i < net.params().size(); ++i)
        net.params()[i] -= 0.05F * net.grads()[i];
    }
    CHECK(loss_of(net, data) < 0.7 * before);
  }
}
