#include "common/wire/model_config.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/base/check.h"
#include "common/wire/layer_bits.h"

namespace fedqat {
namespace {

constexpr std::string_view kConv1d = "conv1d";  // along the width; in configs only

int as_int(std::uint32_t v) { return static_cast<int>(v); }

void take_window(const wire::LayerConfig& layer, NodeSpec& node) {
  const bool pool = node.op == Op::kMaxPool || node.op == Op::kAvgPool;
  if (!pool && node.op != Op::kConv2d && node.op != Op::kDepthwiseConv2d) return;
  node.kernel_h = as_int(layer.has_kernel_h() ? layer.kernel_h() : layer.kernel());
  node.kernel_w = as_int(layer.has_kernel_w() ? layer.kernel_w() : layer.kernel());
  node.stride = as_int(layer.stride());
  if (pool && !layer.has_stride()) node.stride = node.kernel_h;
  node.padding_h = as_int(layer.has_padding_h() ? layer.padding_h() : layer.padding());
  node.padding_w = as_int(layer.has_padding_w() ? layer.padding_w() : layer.padding());
  if (layer.op() == kConv1d) {
    node.kernel_h = 1;
    node.padding_h = 0;
  }
}

Result<ModelSpec> model_from_layers(const wire::ModelConfig& config, const Shape& shape,
                                    int classes) {
  ModelSpec spec{config.name(), shape, classes, {}};
  spec.nodes.emplace_back();
  spec.nodes[0].name = "input";
  std::unordered_map<std::string, int> index = {{"input", 0}};
  for (const wire::LayerConfig& layer : config.layers()) {
    const int position = static_cast<int>(spec.nodes.size());
    const auto op = parse_op(layer.op() == kConv1d ? op_name(Op::kConv2d) : layer.op());
    if (!op) return at("model.layers[" + std::to_string(position - 1) + "].op", op.error());
    NodeSpec node;
    node.op = *op;
    node.name = layer.has_name() ? layer.name() : layer.op() + std::to_string(position);
    const std::string where = "model.layers '" + node.name + "'";
    if (!index.emplace(node.name, position).second) {
      return Error{Errc::kInvalid, where + ": the name is taken; give each layer its own"};
    }
    for (const std::string& input : layer.inputs()) {
      const auto found = index.find(input);
      if (found == index.end() || found->second == position) {
        return Error{Errc::kInvalid, where + ": reads '" + input + "', which is no earlier layer"};
      }
      node.inputs.push_back(found->second);
    }
    if (node.inputs.empty()) node.inputs.push_back(position - 1);
    node.units = as_int(layer.units());
    take_window(layer, node);
    spec.nodes.push_back(std::move(node));
  }
  if (auto shapes = infer_shapes(spec); !shapes) return at("model", shapes.error());
  return spec;
}

// As the schema lists them.
RangeRule range_rule(std::string_view name) {
  constexpr std::string_view kNames[] = {"lsq", "lsq+", "pact", "tqt", "ema", "percentile"};
  const auto found = std::find(std::begin(kNames), std::end(kNames), name);
  FEDQAT_CHECK(found != std::end(kNames));
  return static_cast<RangeRule>(found - std::begin(kNames));
}

}  // namespace

Backend backend_from_config(const wire::Config& config) {
  return config.sim().backend() == "xnnpack" ? Backend::kXnnpack : Backend::kBuiltin;
}

Result<NetworkSpec> network_from_config(const wire::Config& config, const Shape& shape, int classes,
                                        const InputGrid& input) {
  auto model = config.model().layers().empty()
                   ? model_from_zoo(config.model().name(), shape, classes)
                   : model_from_layers(config.model(), shape, classes);
  if (!model) return model.error();
  const wire::QuantConfig& q = config.quant();
  QuantSpec quant{as_int(q.weight_bits()), as_int(q.activation_bits()), as_int(q.edge_bits())};
  if (!quant.is_float()) {
    quant.tensor_weight_scales = q.weight_scales() == "tensor";
    quant.range_rule = range_rule(q.activation_scales());
    if (quant.range_rule == RangeRule::kPercentile) {
      quant.percentile = static_cast<float>(q.percentile());
    }
  }
  for (const std::string& text : q.layer_bits()) {
    auto bits = parse_layer_bits(text);
    if (!bits) return at("quant.layer_bits", bits.error());
    quant.layers.push_back(std::move(*bits));
  }
  return NetworkSpec{std::move(*model), std::move(quant), input};
}

}  // namespace fedqat
