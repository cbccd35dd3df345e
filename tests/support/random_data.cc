#include "tests/support/random_data.h"

#include <algorithm>
#include <array>
#include <memory>

#include "common/base/exact_math.h"
#include "common/nn/batch_norm.h"
#include "common/nn/learnt_scales.h"
#include "common/nn/network.h"
#include "common/quant/range_fit.h"

namespace fedqat {

Dataset random_dataset(const Shape& shape, int classes, std::size_t n, std::uint64_t seed) {
  Rng rng({.seed = seed});
  Dataset d;
  d.name = "random";
  d.shape = shape;
  d.classes = classes;
  d.grid = {0.011F, 100};
  for (std::size_t i = 0; i < n * shape.size(); ++i) {
    d.codes.push_back(static_cast<std::uint8_t>(rng.below(256)));
  }
  for (std::size_t i = 0; i < n; ++i) {
    d.labels.push_back(static_cast<std::uint8_t>(rng.below(static_cast<std::uint32_t>(classes))));
  }
  return d;
}

Dataset blob_dataset(const Shape& shape, int classes, std::size_t n, std::uint64_t seed) {
  Dataset d = random_dataset(shape, classes, n, seed);
  const std::size_t size = shape.size();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < size; ++j) {
      const bool bright = j * static_cast<std::size_t>(classes) / size == d.labels[i];
      std::uint8_t& c = d.codes[i * size + j];
      c = static_cast<std::uint8_t>(c / 3 + (bright ? 130 : 0));
    }
  }
  return d;
}

ModelSpec every_layer_model(const Shape& input, int classes) {
  ModelSpec m{.name = "every-layer", .input = input, .classes = classes, .nodes = {}};
  const auto add = [&](NodeSpec n) {
    m.nodes.push_back(std::move(n));
    return static_cast<int>(m.nodes.size()) - 1;
  };
  const int in = add({.name = "input", .op = Op::kInput, .inputs = {}});
  const int conv = add({.name = "conv",
                        .op = Op::kConv2d,
                        .inputs = {in},
                        .units = 5,
                        .kernel_h = 3,
                        .kernel_w = 3,
                        .padding_h = 1,
                        .padding_w = 1});
  const int relu = add({.name = "relu", .op = Op::kRelu, .inputs = {conv}});
  const int branch = add({.name = "branch",
                          .op = Op::kConv2d,
                          .inputs = {relu},
                          .units = 5,
                          .kernel_h = 1,
                          .kernel_w = 1});
  const int sum = add({.name = "sum", .op = Op::kAdd, .inputs = {branch, relu}});
  const int pool = add({.name = "pool",
                        .op = Op::kMaxPool,
                        .inputs = {sum},
                        .kernel_h = 2,
                        .kernel_w = 2,
                        .stride = 2});
  const int lone = add({.name = "lone_relu", .op = Op::kRelu, .inputs = {pool}});
  const int strided = add({.name = "strided",
                           .op = Op::kConv2d,
                           .inputs = {lone},
                           .units = 7,
                           .kernel_h = 3,
                           .kernel_w = 2,
                           .stride = 2,
                           .padding_h = 2,
                           .padding_w = 1});
  const int depth = add({.name = "depth",
                         .op = Op::kDepthwiseConv2d,
                         .inputs = {strided},
                         .kernel_h = 3,
                         .kernel_w = 3,
                         .padding_h = 1,
                         .padding_w = 1});
  const int average = add({.name = "average",
                           .op = Op::kAvgPool,
                           .inputs = {depth},
                           .kernel_h = 2,
                           .kernel_w = 1,
                           .stride = 1});
  const int flat = add({.name = "flat", .op = Op::kFlatten, .inputs = {average}});
  const int hidden = add({.name = "hidden", .op = Op::kDense, .inputs = {flat}, .units = 9});
  const int act = add({.name = "act", .op = Op::kRelu, .inputs = {hidden}});
  add({.name = "out", .op = Op::kDense, .inputs = {act}, .units = classes});
  return m;
}

ModelSpec batch_norm_model(const Shape& input, int classes) {
  ModelSpec m{.name = "batch-norm", .input = input, .classes = classes, .nodes = {}};
  m.nodes.push_back({.name = "input", .op = Op::kInput, .inputs = {}});
  const auto add = [&](NodeSpec n) {
    n.inputs = {static_cast<int>(m.nodes.size()) - 1};
    m.nodes.push_back(std::move(n));
  };
  add({.name = "conv",
       .op = Op::kConv2d,
       .inputs = {},
       .units = 6,
       .kernel_h = 3,
       .kernel_w = 3,
       .stride = 2});
  add({.name = "conv_norm", .op = Op::kBatchNorm, .inputs = {}});
  add({.name = "conv_relu", .op = Op::kRelu, .inputs = {}});
  add({.name = "depth",
       .op = Op::kDepthwiseConv2d,
       .inputs = {},
       .kernel_h = 3,
       .kernel_w = 3,
       .padding_h = 1,
       .padding_w = 1});
  add({.name = "depth_norm", .op = Op::kBatchNorm, .inputs = {}});
  add({.name = "point", .op = Op::kConv2d, .inputs = {}, .units = 8, .kernel_h = 1, .kernel_w = 1});
  add({.name = "point_norm", .op = Op::kBatchNorm, .inputs = {}});
  add({.name = "point_relu", .op = Op::kRelu, .inputs = {}});
  add({.name = "hidden", .op = Op::kDense, .inputs = {}, .units = 9});
  add({.name = "hidden_norm", .op = Op::kBatchNorm, .inputs = {}});
  add({.name = "hidden_relu", .op = Op::kRelu, .inputs = {}});
  add({.name = "out", .op = Op::kDense, .inputs = {}, .units = classes});
  return m;
}

ModelState calibrated(const Graph& graph, ModelState state, const Dataset& data) {
  Network network(graph, data.grid, 32);
  state.quantized = false;
  network.load(state);
  std::vector<Log2Histogram> histograms(graph.steps.size());
  for (std::size_t i = 0; i < data.size(); i += 32) {
    network.observe_batch(data.sample(i).data(),
                          static_cast<int>(std::min<std::size_t>(32, data.size() - i)), histograms);
  }
  fold_batch_norm(graph, state.params);
  for (std::size_t i = 0; i < graph.steps.size(); ++i) {
    const Step& s = graph.steps[i];
    if (s.activation_scale != kNone) {
      const auto g = fit_activation(histograms[i], s.activation_bits, s.relu);
      const auto& p = graph.params[static_cast<std::size_t>(s.activation_scale)];
      state.params[p.offset] = first_theta(graph.quant, g.scale);
      state.zero_points[i] = g.zero;
      if (s.activation_offset != kNone) {
        const auto& offset = graph.params[static_cast<std::size_t>(s.activation_offset)];
        const auto top = static_cast<float>((1 << s.activation_bits) - 1);
        state.params[offset.offset] = static_cast<float>(g.zero) / top;
      }
    }
    if (s.weight_scale == kNone) continue;
    const auto& w = graph.params[static_cast<std::size_t>(s.weight)];
    const auto& t = graph.params[static_cast<std::size_t>(s.weight_scale)];
    const std::size_t fan_in = w.size / t.size;
    for (std::size_t c = 0; c < t.size; ++c) {
      const std::span<const float> row(state.params.data() + w.offset + c * fan_in, fan_in);
      state.params[t.offset + c] =
          static_cast<float>(exact_log2(fit_weight_scale(row, s.weight_bits)));
    }
  }
  state.quantized = true;
  return state;
}

}  // namespace fedqat
