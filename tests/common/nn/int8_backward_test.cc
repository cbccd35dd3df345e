// Gradients in integers: a plain transcription of docs/numerics.md, bit for bit, and their mean
// over many roundings against fp32.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <map>
#include <string>

#include "common/base/exact_math.h"
#include "common/base/rng.h"
#include "common/nn/loss.h"
#include "common/nn/network.h"
#include "common/nn/packed_model.h"
#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

constexpr BatchKey kKey{0x1234567890ULL, 3, 11, 5};

struct Layers {
  ModelSpec spec;

  NodeSpec& add(Op op, int units = 0) {
    NodeSpec n{.name = "n", .op = op, .inputs = {}};
    n.name += std::to_string(spec.nodes.size());
    if (!spec.nodes.empty()) n.inputs = {static_cast<int>(spec.nodes.size()) - 1};
    n.units = units;
    return spec.nodes.emplace_back(n);
  }
  void conv(int units, int kh, int kw, int stride, int padding) {
    window(add(Op::kConv2d, units), kh, kw, stride);
    spec.nodes.back().padding_h = spec.nodes.back().padding_w = padding;
  }
  void max_pool(int kh, int kw, int stride) { window(add(Op::kMaxPool), kh, kw, stride); }

 private:
  static void window(NodeSpec& n, int kh, int kw, int stride) {
    n.kernel_h = kh;
    n.kernel_w = kw;
    n.stride = stride;
  }
};

// Convolutions of every way to the gradient of the input, and dense layers, some with a ReLU.
ModelSpec linear_layers(const Shape& input, int classes) {
  Layers l{{.name = "linear-layers", .input = input, .classes = classes, .nodes = {}}};
  l.add(Op::kInput);
  l.conv(5, 3, 3, 1, 1);
  l.add(Op::kRelu);
  l.conv(6, 3, 3, 1, 0);
  l.add(Op::kRelu);
  l.conv(19, 1, 1, 1, 0);
  l.conv(7, 3, 2, 1, 1);
  l.add(Op::kRelu);
  l.conv(9, 3, 3, 2, 2);
  l.add(Op::kRelu);
  l.add(Op::kFlatten);
  l.add(Op::kDense, 70);
  l.add(Op::kRelu);
  l.add(Op::kDense, classes);
  return l.spec;
}

// Convolutions before pools whose windows tile the image, leave gaps or overlap.
ModelSpec pooled_layers(const Shape& input, int classes) {
  Layers l{{.name = "pooled-layers", .input = input, .classes = classes, .nodes = {}}};
  l.add(Op::kInput);
  l.conv(5, 3, 3, 1, 1);
  l.add(Op::kRelu);
  l.max_pool(2, 2, 2);
  l.conv(18, 3, 3, 1, 1);
  l.max_pool(3, 2, 1);
  l.conv(7, 2, 2, 1, 1);
  l.add(Op::kRelu);
  l.max_pool(1, 2, 3);
  l.conv(20, 3, 3, 1, 1);
  l.max_pool(2, 2, 2);
  l.add(Op::kFlatten);
  l.add(Op::kDense, classes);
  return l.spec;
}

struct Sample {
  std::vector<int> x, y, residual;  // of a step
  std::vector<std::size_t> maxima;  // of a MaxPool: where in x its outputs come from
};

// y, maxima of x.
void max_pool(const Step& s, Sample& v) {
  for (int oy = 0; oy < s.out.h; ++oy)
    for (int ox = 0; ox < s.out.w; ++ox)
      for (int c = 0; c < s.out.c; ++c) {
        std::size_t best = v.x.size();
        for (int k = 0; k < s.kernel_h * s.kernel_w; ++k) {
          const int iy = oy * s.stride + k / s.kernel_w, ix = ox * s.stride + k % s.kernel_w;
          const auto at = static_cast<std::size_t>((iy * s.in.w + ix) * s.in.c + c);
          if (best == v.x.size() || v.x[at] > v.x[best]) best = at;
        }
        v.maxima.push_back(best);
        v.y.push_back(v.x[best]);
      }
}

// The value of one window tap of x, or the zero point outside: f(tap index, x index or -1).
template <class F>
void for_taps(const Step& s, int oy, int ox, F f) {
  const bool dense = s.op == Op::kDense;
  const int kh = dense ? s.in.h : s.kernel_h, kw = dense ? s.in.w : s.kernel_w;
  int k = 0;
  for (int ky = 0; ky < kh; ++ky)
    for (int kx = 0; kx < kw; ++kx)
      for (int ch = 0; ch < s.in.c; ++ch, ++k) {
        const int iy = oy * s.stride + ky - s.padding_h, ix = ox * s.stride + kx - s.padding_w;
        const bool in = iy >= 0 && ix >= 0 && iy < s.in.h && ix < s.in.w;
        f(static_cast<std::size_t>(k),
          in ? static_cast<std::ptrdiff_t>((iy * s.in.w + ix) * s.in.c + ch) : -1);
      }
}

std::uint8_t random_byte(const BatchKey& k, std::uint32_t step, std::uint64_t i) {
  const auto key =
      philox4x32({k.batch, k.round, k.client, 10},
                 {static_cast<std::uint32_t>(k.seed), static_cast<std::uint32_t>(k.seed >> 32)});
  const auto block = static_cast<std::uint32_t>(16 * (i / 256) + (i / 4) % 16);
  const auto words = philox4x32({block, step, key[2], key[3]}, {key[0], key[1]});
  return static_cast<std::uint8_t>(words[(i / 64) % 4] >> (8 * (i % 4)));
}

// docs/numerics.md, "Training", int8: gradients of a network of dense, conv2d and max pools alone.
std::vector<float> reference(const Graph& g, const ModelState& state, const Dataset& data, int n,
                             const BatchKey& key) {
  const PackedModel packed = pack_model(g, state, data.grid);
  const auto samples = static_cast<std::size_t>(n);
  std::vector<std::vector<Sample>> steps(g.steps.size(), std::vector<Sample>(samples));
  std::vector<float> xs(g.steps.size()), ys(g.steps.size());
  std::vector<int> xz(g.steps.size()), yz(g.steps.size());
  for (std::size_t i = 0; i < g.steps.size(); ++i) {
    const Step& s = g.steps[i];
    const PackedStep& p = packed.steps[i];
    xs[i] = i == 0 ? data.grid.scale : ys[i - 1];
    xz[i] = i == 0 ? data.grid.zero : yz[i - 1];
    const bool pool = s.op == Op::kMaxPool;
    ys[i] = pool ? xs[i] : p.activation_scale;
    yz[i] = pool ? xz[i] : p.activation_zero;
    const int top = pool ? 0 : (1 << s.activation_bits) - 1;
    const float low = static_cast<float>((s.relu ? yz[i] : 0) - yz[i]);
    const float high = static_cast<float>(top - yz[i]);
    for (std::size_t k = 0; k < samples; ++k) {
      Sample& v = steps[i][k];
      if (i == 0) {
        v.x.assign(data.sample(k).begin(), data.sample(k).end());
      } else {
        v.x = steps[i - 1][k].y;
      }
      if (pool) {
        max_pool(s, v);
        continue;
      }
      for (int oy = 0; oy < s.out.h; ++oy)
        for (int ox = 0; ox < s.out.w; ++ox)
          for (std::size_t c = 0; c < static_cast<std::size_t>(s.out.c); ++c) {
            int acc = p.bias[c];
            const std::size_t fan_in = p.weights.size() / static_cast<std::size_t>(s.out.c);
            for_taps(s, oy, ox, [&](std::size_t tap, std::ptrdiff_t at) {
              if (at >= 0)
                acc += (v.x[static_cast<std::size_t>(at)] - xz[i]) * p.weights[c * fan_in + tap];
            });
            const float t = static_cast<float>(acc) * ((xs[i] * p.weight_scales[c]) / ys[i]);
            const float r = std::rint(std::min(std::max(t, low), high));
            v.y.push_back(static_cast<int>(r) + yz[i]);
            v.residual.push_back(t > low && t < high ? static_cast<int>(std::rint((r - t) * 254))
                                                     : -128);
          }
    }
  }
  std::vector<float> logits, dy(samples * g.steps.back().out.size());
  for (const Sample& v : steps.back()) {
    for (const int y : v.y) logits.push_back(ys.back() * static_cast<float>(y - yz.back()));
  }
  softmax_cross_entropy(logits, data.labels.data(), n, dy);

  std::vector<float> grads(g.param_count, 0.0F);
  // Elements of a step's outputs that have a gradient, in their order, where that is not all.
  std::vector<std::size_t> elements;
  for (std::size_t i = g.steps.size(); i-- > 0;) {
    const Step& s = g.steps[i];
    const PackedStep& p = packed.steps[i];
    if (s.op == Op::kMaxPool) {
      std::vector<float> dx(samples * s.in.size(), 0.0F);
      const bool apart = s.kernel_h <= s.stride && s.kernel_w <= s.stride;
      for (std::size_t e = 0; e < dy.size(); ++e) {
        const std::size_t k = e / s.out.size();
        const std::size_t from = k * s.in.size() + steps[i][k].maxima[e % s.out.size()];
        dx[from] += dy[e];
        if (apart) elements.push_back(from);
      }
      dy = dx;
      continue;
    }
    const auto channels = static_cast<std::size_t>(s.out.c);
    const std::size_t fan_in = p.weights.size() / channels, out = s.out.size();
    const auto at = [&](int tensor) { return g.params[static_cast<std::size_t>(tensor)].offset; };
    // The scale of the outputs, and the range.
    const std::size_t lanes_count = (256 + channels - 1) / channels * channels;
    std::vector<float> lanes(lanes_count, 0.0F);
    float range = 0;
    if (elements.empty()) {
      for (std::size_t e = 0; e < samples * out; ++e) elements.push_back(e);
    }
    for (std::size_t at_e = 0; at_e < elements.size(); ++at_e) {
      const std::size_t e = elements[at_e];
      const int residual = steps[i][e / out].residual[e % out];
      const int y = steps[i][e / out].y[e % out];
      const float step = 1.0F / 254.0F;
      lanes[at_e % lanes_count] += dy[e] * (residual == -128 ? static_cast<float>(y - yz[i])
                                                             : static_cast<float>(residual) * step);
      if (residual != -128)
        range = std::max(range, std::abs(dy[e] * p.weight_scales[e % channels]));
    }
    float dscale = 0;
    for (const float lane : lanes) dscale += lane;
    grads[at(s.activation_scale)] =
        dscale * (ys[i] * 0.69314718F) /
        std::sqrt(static_cast<float>(out) * static_cast<float>((1 << s.activation_bits) - 1));
    std::vector<float> dx(samples * s.in.size(), 0.0F);
    if (range >= 0x1p-100F) {
      const float inverse = 32512.0F / range, unit = range / 32512.0F;
      std::vector<int> q16(samples * out, 0), q8(samples * out, 0);
      for (std::size_t at_e = 0; at_e < elements.size(); ++at_e) {
        const std::size_t e = elements[at_e];
        const float h = dy[e] * p.weight_scales[e % channels];
        const float q = std::rint(std::min(std::max(h * inverse, -32512.0F), 32512.0F));
        q16[e] = steps[i][e / out].residual[e % out] == -128 ? 0 : static_cast<int>(q);
        q8[e] = (q16[e] + random_byte(key, static_cast<std::uint32_t>(i), at_e)) >> 8;
      }
      // Sums over blocks of samples.
      const int rows = s.op == Op::kDense ? 1 : s.out.h * s.out.w;
      const auto block = static_cast<std::size_t>(32768 / rows);
      std::vector<float> dw(channels * fan_in, 0.0F), db(channels, 0.0F);
      for (std::size_t first = 0; first < samples; first += block) {
        std::vector<std::int64_t> high(dw.size(), 0), low(dw.size(), 0), bias_high(channels, 0),
            bias_low(channels, 0);
        for (std::size_t k = first; k < std::min(samples, first + block); ++k)
          for (int oy = 0; oy < s.out.h; ++oy)
            for (int ox = 0; ox < s.out.w; ++ox)
              for (std::size_t c = 0; c < channels; ++c) {
                const int q =
                    q16[k * out + static_cast<std::size_t>(oy * s.out.w + ox) * channels + c];
                const int lo = static_cast<std::int8_t>(q & 255), hi = (q - lo) / 256;
                REQUIRE((hi >= -127 && hi <= 127 && 256 * hi + lo == q));
                bias_high[c] += hi;
                bias_low[c] += lo;
                for_taps(s, oy, ox, [&](std::size_t tap, std::ptrdiff_t in) {
                  if (in < 0) return;
                  const int x = steps[i][k].x[static_cast<std::size_t>(in)] - xz[i];
                  high[c * fan_in + tap] += hi * x;
                  low[c * fan_in + tap] += lo * x;
                });
              }
        const auto joined = [](std::int64_t h, std::int64_t l) {
          return 256.0F * static_cast<float>(h) + static_cast<float>(l);
        };
        for (std::size_t e = 0; e < dw.size(); ++e)
          dw[e] = first == 0 ? joined(high[e], low[e]) : dw[e] + joined(high[e], low[e]);
        for (std::size_t c = 0; c < channels; ++c)
          db[c] = first == 0 ? joined(bias_high[c], bias_low[c])
                             : db[c] + joined(bias_high[c], bias_low[c]);
      }
      const float q = static_cast<float>((1 << (s.weight_bits - 1)) - 1);
      for (std::size_t c = 0; c < channels; ++c) {
        const float sw = p.weight_scales[c];
        grads[at(s.bias) + c] = db[c] * (unit / sw);
        float sums[16] = {}, sum = 0;
        for (std::size_t k = 0; k < fan_in; ++k) {
          const float d = dw[c * fan_in + k] * ((unit * xs[i]) / sw);
          const float t = state.params[at(s.weight) + c * fan_in + k] / sw;
          const bool inside = t > -q && t < q;
          grads[at(s.weight) + c * fan_in + k] = inside ? d : 0.0F;
          sums[k % 16] += d * (std::rint(std::min(std::max(t, -q), q)) - (inside ? t : 0.0F));
        }
        for (const float lane : sums) sum += lane;
        grads[at(s.weight_scale) + c] =
            sum * (sw * 0.69314718F) / std::sqrt(static_cast<float>(fan_in) * q);
      }
      const float unit8 = range / 127.0F;
      for (std::size_t k = 0; k < samples; ++k) {
        std::vector<std::int64_t> sum(s.in.size(), 0);
        for (int oy = 0; oy < s.out.h; ++oy)
          for (int ox = 0; ox < s.out.w; ++ox)
            for (std::size_t c = 0; c < channels; ++c)
              for_taps(s, oy, ox, [&](std::size_t tap, std::ptrdiff_t in) {
                if (in < 0) return;
                sum[static_cast<std::size_t>(in)] +=
                    q8[k * out + static_cast<std::size_t>(oy * s.out.w + ox) * channels + c] *
                    p.weights[c * fan_in + tap];
              });
        for (std::size_t e = 0; e < sum.size(); ++e)
          dx[k * sum.size() + e] = static_cast<float>(sum[e]) * unit8;
      }
    }
    dy = dx;
    elements.clear();
  }
  return grads;
}

bool same_values(std::span<const float> a, std::span<const float> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());  // -0 is 0
}

}  // namespace

TEST_CASE("int8 backward: equals the written numerics bit for bit") {
  struct Case {
    ModelSpec spec;
    QuantSpec quant;
    int n;
  };
  const Shape image{9, 8, 3};
  const std::vector<Case> cases = {
      {linear_layers(image, 6), {8, 8, 8}, 7},
      {linear_layers(image, 6), {4, 4, 8}, 33},
      {linear_layers({20, 33, 2}, 10), {8, 8, 8}, 5},  // blocks of one sample
      {pooled_layers({25, 26, 3}, 6), {8, 8, 8}, 7},
      {pooled_layers({40, 41, 2}, 4), {4, 4, 8}, 3},
      {*model_from_zoo("lenet5", {28, 28, 1}, 10), {8, 8, 8}, 3},
      {*model_from_zoo("mlp-256-128", {1, 5, 3}, 10), {8, 8, 8}, 6},
      {*model_from_zoo("softmax", {1, 1, 7}, 3), {3, 3, 4}, 1},
  };
  for (const Case& c : cases) {
    const auto graph = build_graph(c.spec, c.quant);
    REQUIRE(graph);
    const Dataset data =
        random_dataset(c.spec.input, c.spec.classes, static_cast<std::size_t>(c.n), 4);
    const ModelState state = calibrated(*graph, init_model(*graph, 9), data);
    Network net(*graph, data.grid, c.n + 3, Backward::kInt8);
    net.load(state);
    net.train_batch(data.codes.data(), data.labels.data(), c.n, kKey);
    const auto expected = reference(*graph, state, data, c.n, kKey);
    for (const ParamTensor& p : graph->params) {
      INFO(c.spec.name << " of " << to_string(c.spec.input) << ", " << c.n << ": " << p.name);
      const std::span<const float> want(expected.data() + p.offset, p.size);
      CHECK(same_values(net.grads().subspan(p.offset, p.size), want));
      CHECK(std::any_of(want.begin(), want.end(), [](float v) { return v != 0; }));
    }
  }
}

TEST_CASE("int8 backward: more rows than one sum takes are added in order") {
  const Shape image{64, 64, 1};
  Layers l{{.name = "wide", .input = image, .classes = 4, .nodes = {}}};
  l.add(Op::kInput);
  l.conv(2, 2, 2, 1, 1);
  l.conv(1, 9, 9, 8, 0);
  l.add(Op::kFlatten);
  l.add(Op::kDense, 4);
  const auto graph = build_graph(l.spec, {});
  REQUIRE(graph);
  const int n = 17;  // of 65 * 65 rows each: sums of 7 samples
  const Dataset data = random_dataset(image, 4, static_cast<std::size_t>(n), 4);
  const ModelState state = calibrated(*graph, init_model(*graph, 9), data);
  Network net(*graph, data.grid, n, Backward::kInt8);
  net.load(state);
  net.train_batch(data.codes.data(), data.labels.data(), n, kKey);
  CHECK(same_values(net.grads(), reference(*graph, state, data, n, kKey)));
}

TEST_CASE("int8 backward: the mean over many roundings is the fp32 gradient") {
  const Shape image{9, 8, 3};
  const auto graph = build_graph(every_layer_model(image, 6), {});
  const Dataset data = random_dataset(image, 6, 16, 5);
  const ModelState state = calibrated(*graph, init_model(*graph, 3), data);
  Network exact(*graph, data.grid, 16), net(*graph, data.grid, 16, Backward::kInt8);
  exact.load(state);
  exact.train_batch(data.codes.data(), data.labels.data(), 16);
  net.load(state);
  constexpr int kTrials = 400;
  std::vector<double> sum(graph->param_count), squares(graph->param_count);
  for (std::uint32_t trial = 0; trial < kTrials; ++trial) {
    net.train_batch(data.codes.data(), data.labels.data(), 16, {.seed = 1, .batch = trial});
    for (std::size_t i = 0; i < sum.size(); ++i) {
      const double g = net.grads()[i];
      sum[i] += g;
      squares[i] += g * g;
    }
  }
  struct Errors {
    double off = 0, expected = 0, norm = 0;
  };
  // A scale's gradient may cancel to nearly nothing, so all of a kind are looked at together.
  std::map<std::string, Errors> groups;
  for (const ParamTensor& p : graph->params) {
    auto& [off, expected, norm] =
        groups[is_scale(p) ? "scales " + std::to_string(int(p.kind)) : p.name];
    for (std::size_t i = p.offset; i < p.offset + p.size; ++i) {
      const double mean = sum[i] / kTrials, g = exact.grads()[i];
      off += (mean - g) * (mean - g);
      expected += (squares[i] / kTrials - mean * mean) / kTrials;
      norm += g * g;
    }
  }
  for (const auto& [name, e] : groups) {
    INFO(name << ": off by " << std::sqrt(e.off / e.norm) << ", error of the mean "
              << std::sqrt(e.expected / e.norm));
    // Rounding to 16 bits, and of residuals to a byte, is not random, and small.
    const double rounding = name.starts_with("scales") ? 4e-4 : 4e-6;
    CHECK(e.off <= 2.5 * e.expected + rounding * e.norm);
  }
}

TEST_CASE("int8 backward: the same batch has the same gradient, another has another") {
  const Shape image{9, 8, 3};
  const auto graph = build_graph(every_layer_model(image, 6), {});
  const Dataset data = random_dataset(image, 6, 16, 5);
  const ModelState state = calibrated(*graph, init_model(*graph, 3), data);
  Network net(*graph, data.grid, 16, Backward::kInt8);
  net.load(state);
  const auto gradient = [&](const BatchKey& key) {
    net.train_batch(data.codes.data(), data.labels.data(), 16, key);
    return std::vector<float>(net.grads().begin(), net.grads().end());
  };
  const auto first = gradient(kKey);
  for (int part = 0; part < 4; ++part) {
    BatchKey other = kKey;
    if (part == 0) ++other.seed;
    if (part == 1) ++other.round;
    if (part == 2) ++other.client;
    if (part == 3) ++other.batch;
    CHECK(gradient(other) != first);
  }
  CHECK(gradient(kKey) == first);
}

TEST_CASE("int8 backward: where every output is clipped only its scale has a gradient") {
  const auto graph = build_graph(*model_from_zoo("mlp-64", {1, 1, 7}, 3), {});
  REQUIRE(graph);
  const Dataset data = random_dataset({1, 1, 7}, 3, 4, 5);
  ModelState state = calibrated(*graph, init_model(*graph, 3), data);
  const ParamTensor& scale = graph->params.back();
  REQUIRE(scale.kind == ParamKind::kActivationScale);
  state.params[scale.offset] = -30;
  Network net(*graph, data.grid, 4, Backward::kInt8);
  net.load(state);
  net.train_batch(data.codes.data(), data.labels.data(), 4, kKey);
  for (const ParamTensor& p : graph->params) {
    const auto g = net.grads().subspan(p.offset, p.size);
    INFO(p.name);
    CHECK(std::all_of(g.begin(), g.end(), [](float v) { return v == 0; }) ==
          (p.name != scale.name));
  }
}
