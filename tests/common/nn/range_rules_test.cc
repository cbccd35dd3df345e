// How ranges are learnt: each rule against its formula (docs/numerics.md, "Ranges of activations")
// and each layer type under each rule.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "common/base/exact_math.h"
#include "common/nn/learnt_scales.h"
#include "common/nn/network.h"
#include "common/nn/packed_model.h"
#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

constexpr int kSamples = 12, kOut = 4, kIn = 7, kTop = 15;

// One dense layer with 4-bit weights and outputs, so coarse that some outputs are clipped.
struct OneLayer {
  explicit OneLayer(RangeRule rule)
      : graph(*build_graph(*model_from_zoo("softmax", {1, 1, kIn}, kOut),
                           {.weight_bits = 4,
                            .activation_bits = 4,
                            .edge_bits = 4,
                            .range_rule = rule,
                            .percentile = rule == RangeRule::kPercentile ? 75.0F : 100.0F})),
        data(random_dataset({1, 1, kIn}, kOut, kSamples, 2)),
        state(calibrated(graph, init_model(graph, 3), data)) {
    *param(ParamKind::kActivationScale) -= 1.2F;
  }

  float* param(ParamKind kind) {
    for (const ParamTensor& p : graph.params) {
      if (p.kind == kind) return state.params.data() + p.offset;
    }
    return nullptr;
  }

  Graph graph;
  Dataset data;
  ModelState state;
};

struct Learnt {
  std::vector<double> t, dy;  // position before rounding, and gradient, of each output
  double scale = 0;
  int zero = 0;
  float theta = 0, offset = 0;  // gradients that the network gave
};

Learnt train(OneLayer& layer, Backward backward) {
  Network net(layer.graph, layer.data.grid, kSamples, backward);
  net.load(layer.state);
  net.train_batch(layer.data.codes.data(), layer.data.labels.data(), kSamples);
  Learnt out;
  for (const ParamTensor& p : layer.graph.params) {
    if (p.kind == ParamKind::kActivationScale) out.theta = net.grads()[p.offset];
    if (p.kind == ParamKind::kActivationOffset) out.offset = net.grads()[p.offset];
  }
  const PackedModel packed = pack_model(layer.graph, layer.state, layer.data.grid);
  const PackedStep& p = packed.steps[0];
  out.scale = static_cast<double>(p.activation_scale);
  out.zero = p.activation_zero;
  for (std::size_t n = 0; n < kSamples; ++n) {
    double logits[kOut], sum = 0;
    for (std::size_t c = 0; c < kOut; ++c) {
      double acc = p.bias[c];
      for (std::size_t k = 0; k < kIn; ++k) {
        acc += (layer.data.sample(n)[k] - layer.data.grid.zero) *
               static_cast<double>(p.weights[c * kIn + k]);
      }
      const double t = acc * double{layer.data.grid.scale} * double{p.weight_scales[c]} / out.scale;
      out.t.push_back(t);
      logits[c] =
          out.scale * std::clamp(std::nearbyint(t), double(-out.zero), double(kTop - out.zero));
    }
    for (const double l : logits) sum += std::exp(l);
    for (std::size_t c = 0; c < kOut; ++c) {
      const double truth = layer.data.labels[n] == c ? 1 : 0;
      out.dy.push_back((std::exp(logits[c]) / sum - truth) / kSamples);
    }
  }
  return out;
}

// Calls f(dy, end, whether t is the upper end) for clipped outputs; returns how many.
template <class F>
int for_clipped(const Learnt& l, F f) {
  int clipped = 0;
  for (std::size_t i = 0; i < l.t.size(); ++i) {
    const double low = -l.zero, high = kTop - l.zero;
    if (l.t[i] > low && l.t[i] < high) continue;
    f(l.dy[i], l.t[i] <= low ? low : high);
    ++clipped;
  }
  return clipped;
}

// |t| over the end on its side, ascending.
std::vector<double> reached(const Learnt& l) {
  std::vector<double> out;
  for (const double t : l.t) {
    if (t != 0) out.push_back(t / (t > 0 ? kTop - l.zero : -l.zero));
  }
  std::sort(out.begin(), out.end());
  return out;
}

const double kNorm = std::sqrt(kOut * kTop);

}  // namespace

TEST_CASE("range rules: PACT moves a range by clipped values alone") {
  const auto backward = GENERATE(Backward::kFloat, Backward::kInt8);
  OneLayer layer(RangeRule::kPact);
  const Learnt l = train(layer, backward);
  double ds = 0;
  CHECK(for_clipped(l, [&](double dy, double end) { ds += dy * end; }) > 3);
  CHECK(l.theta == Approx(ds * l.scale * std::log(2) / kNorm).epsilon(1e-4));
}

TEST_CASE("range rules: LSQ+ also learns the zero point") {
  const auto backward = GENERATE(Backward::kFloat, Backward::kInt8);
  OneLayer layer(RangeRule::kLsqPlus);
  *layer.param(ParamKind::kActivationOffset) += 0.11F;
  const Learnt l = train(layer, backward);
  CHECK(l.zero == static_cast<int>(
                      std::nearbyint(kTop * double{*layer.param(ParamKind::kActivationOffset)})));
  double clipped = 0;
  CHECK(for_clipped(l, [&](double dy, double) { clipped += dy; }) > 3);
  CHECK(l.offset == Approx(-clipped * l.scale * kTop / kNorm).epsilon(1e-4));
  double ds = 0;
  for_clipped(l, [&](double dy, double end) { ds += dy * end; });
  for (std::size_t i = 0; i < l.t.size(); ++i) {
    if (l.t[i] <= -l.zero || l.t[i] >= kTop - l.zero) continue;
    ds += l.dy[i] * (std::nearbyint(l.t[i]) - l.t[i]);
  }
  // With int8 gradients the distance to the code is kept in a byte.
  CHECK(l.theta == Approx(ds * l.scale * std::log(2) / kNorm).margin(1e-3));
}

TEST_CASE("range rules: observers move a range towards what the batch shows") {
  const auto rule = GENERATE(RangeRule::kEma, RangeRule::kPercentile);
  const auto backward = GENERATE(Backward::kFloat, Backward::kInt8);
  OneLayer layer(rule);
  const Learnt l = train(layer, backward);
  const std::vector<double> ends = reached(l);
  const std::size_t at = rule == RangeRule::kEma
                             ? ends.size() - 1
                             : static_cast<std::size_t>(std::ceil(0.75 * double(ends.size()))) - 1;
  CHECK(l.theta == Approx(-std::log2(1 + 0.01 * (ends[at] - 1))).epsilon(1e-4));
}

TEST_CASE("range rules: TQT computes with powers of two") {
  OneLayer layer(RangeRule::kTqt);
  for (const float move : {0.0F, 0.3F, 0.3F, 0.5F}) {
    float& theta = *layer.param(ParamKind::kActivationScale);
    theta += move;
    const PackedModel packed = pack_model(layer.graph, layer.state, layer.data.grid);
    int exponent = 0;
    CHECK(std::frexp(packed.steps[0].activation_scale, &exponent) == 0.5F);
    CHECK(exponent == static_cast<int>(std::ceil(theta)) + 1);
  }
  const QuantSpec tqt{.range_rule = RangeRule::kTqt};
  for (const float scale : {0.011F, 0.25F, 0.3F, 0.36F, 7.0F}) {  // begins at the nearest
    CHECK(std::ceil(first_theta(tqt, scale)) == std::round(std::log2(scale)));
  }
}

TEST_CASE("range rules: under EMA the ranges of every layer type end where values end") {
  const Shape image{9, 8, 3};
  const auto backward = GENERATE(Backward::kFloat, Backward::kInt8);
  for (const ModelSpec& spec : {every_layer_model(image, 6), batch_norm_model(image, 6)}) {
    const auto graph = build_graph(spec, {.range_rule = RangeRule::kEma});
    const Dataset data = random_dataset(image, 6, 32, 5);
    const ModelState start = calibrated(*graph, init_model(*graph, 3), data);
    Network net(*graph, data.grid, 32, backward);
    net.load(start);
    const auto train = [&] { net.train_batch(data.codes.data(), data.labels.data(), 32); };
    for (const ParamTensor& p : graph->params) {
      if (p.kind == ParamKind::kActivationScale) net.params()[p.offset] += p.step % 2 == 0 ? 1 : -1;
    }
    for (int batch = 0; batch < 1500; ++batch) {
      train();
      for (const ParamTensor& p : graph->params) {
        if (p.kind == ParamKind::kActivationScale) net.params()[p.offset] -= net.grads()[p.offset];
      }
    }
    // The first range clips a little; the ends of the values are not far from its ends.
    for (const ParamTensor& p : graph->params) {
      if (p.kind != ParamKind::kActivationScale) continue;
      INFO(spec.name << " " << p.name);
      CHECK(std::abs(net.params()[p.offset] - start.params[p.offset]) < 0.4F);
    }
  }
}

TEST_CASE("range rules: every layer trains under every rule, the same bits as one by one") {
  const Shape image{8, 8, 1};
  const Dataset data = blob_dataset(image, 4, 64, 1);
  const auto backward = GENERATE(Backward::kFloat, Backward::kInt8);
  for (std::uint32_t rule = 0; rule <= kLastRangeRule; ++rule) {
    const auto graph = build_graph(
        every_layer_model(image, 4),
        {.tensor_weight_scales = rule % 2 == 0, .range_rule = static_cast<RangeRule>(rule)});
    Network net(*graph, data.grid, 64, backward);
    net.load(calibrated(*graph, init_model(*graph, 1), data));
    const auto loss = [&] {
      return net.eval_batch(data.codes.data(), data.labels.data(), 64).loss / 64;
    };
    const double before = loss();
    for (std::uint32_t step = 0; step < 30; ++step) {
      net.train_batch(data.codes.data(), data.labels.data(), 64, {1, 2, 3, step});
      for (const ParamTensor& p : graph->params) {
        const bool as_it_is = p.kind == ParamKind::kActivationScale && graph->quant.observes();
        for (std::size_t i = p.offset; i < p.offset + p.size; ++i) {
          net.params()[i] -= (as_it_is ? 1 : 0.05F) * net.grads()[i];
        }
      }
    }
    INFO("rule " << rule);
    CHECK(loss() < 0.7 * before);
  }
}

TEST_CASE("weight scales: the gradient of a tensor's scale is the sum of its channels'") {
  const Shape image{9, 8, 3};
  const auto backward = GENERATE(Backward::kFloat, Backward::kInt8);
  const Dataset data = random_dataset(image, 6, 32, 5);
  const auto whole = build_graph(every_layer_model(image, 6), {.tensor_weight_scales = true});
  const auto each = build_graph(every_layer_model(image, 6), {});
  REQUIRE(whole->params.size() == each->params.size());
  const ModelState one = calibrated(*whole, init_model(*whole, 3), data);
  ModelState many = init_model(*each, 3);
  many.quantized = true;
  many.zero_points = one.zero_points;
  for (std::size_t i = 0; i < each->params.size(); ++i) {
    const ParamTensor &to = each->params[i], &from = whole->params[i];
    for (std::size_t k = 0; k < to.size; ++k) {
      many.params[to.offset + k] = one.params[from.offset + (from.size == 1 ? 0 : k)];
    }
  }
  Network a(*whole, data.grid, 32, backward), b(*each, data.grid, 32, backward);
  a.load(one);
  b.load(many);
  a.train_batch(data.codes.data(), data.labels.data(), 32);
  b.train_batch(data.codes.data(), data.labels.data(), 32);
  for (std::size_t i = 0; i < each->params.size(); ++i) {
    const ParamTensor &to = each->params[i], &from = whole->params[i];
    INFO(to.name);
    if (to.kind != ParamKind::kWeightScale) {
      CHECK(std::equal(a.grads().begin() + static_cast<std::ptrdiff_t>(from.offset),
                       a.grads().begin() + static_cast<std::ptrdiff_t>(from.offset + from.size),
                       b.grads().begin() + static_cast<std::ptrdiff_t>(to.offset)));
      continue;
    }
    CHECK(from.size == 1);
    double sum = 0;
    for (std::size_t k = 0; k < to.size; ++k) sum += double{b.grads()[to.offset + k]};
    CHECK(a.grads()[from.offset] ==
          Approx(sum / std::sqrt(double(to.size))).epsilon(1e-3).margin(1e-6));
  }
}
