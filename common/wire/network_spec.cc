#include "common/wire/network_spec.h"

#include <cmath>
#include <string>

#include "common/wire/model.pb.h"

namespace fedqat {
namespace {

// The bounds of config.proto, so that every network of a config travels.
constexpr std::uint32_t kMaxNodes = 4096;
constexpr std::uint32_t kMaxSize = 65536;
constexpr std::uint32_t kMaxWindow = 256;
constexpr std::size_t kMaxName = 256;

Error out_of_range(const std::string& field, std::uint64_t value) {
  return {Errc::kInvalid, "network." + field + " = " + std::to_string(value) + " is out of range"};
}

bool known_op(std::uint32_t op) {
  return op >= static_cast<std::uint32_t>(Op::kInput) &&
         op <= static_cast<std::uint32_t>(Op::kBatchNorm);
}

bool bits_ok(std::uint32_t bits) { return (bits >= 2 && bits <= 8) || bits == kFloatBits; }

Result<LayerBits> bits_from_proto(const wire::LayerBitsProto& p, int index) {
  const std::string field = "layer_bits[" + std::to_string(index) + "].";
  const auto bad = [](std::uint32_t bits) { return bits == 1 || bits > 8; };
  if (p.layer().size() > kMaxName) return out_of_range(field + "layer.size", p.layer().size());
  if (bad(p.weight_bits())) return out_of_range(field + "weight_bits", p.weight_bits());
  if (bad(p.activation_bits())) return out_of_range(field + "activation_bits", p.activation_bits());
  return LayerBits{p.layer(), static_cast<int>(p.weight_bits()),
                   static_cast<int>(p.activation_bits())};
}

Result<NodeSpec> node_from_proto(const wire::NodeProto& p, int index) {
  const std::string field = "nodes[" + std::to_string(index) + "].";
  if (p.name().size() > kMaxName) return out_of_range(field + "name.size", p.name().size());
  if (!known_op(p.op())) return out_of_range(field + "op", p.op());
  if (p.inputs_size() > 2) {
    return out_of_range(field + "inputs.size", static_cast<std::uint64_t>(p.inputs_size()));
  }
  if (p.units() > kMaxSize) return out_of_range(field + "units", p.units());
  if (p.kernel_h() > kMaxWindow) return out_of_range(field + "kernel_h", p.kernel_h());
  if (p.kernel_w() > kMaxWindow) return out_of_range(field + "kernel_w", p.kernel_w());
  if (p.stride() < 1 || p.stride() > kMaxWindow) return out_of_range(field + "stride", p.stride());
  if (p.padding() >= kMaxWindow) return out_of_range(field + "padding", p.padding());
  if (p.padding_w() >= kMaxWindow) return out_of_range(field + "padding_w", p.padding_w());
  NodeSpec node;
  node.name = p.name();
  node.op = static_cast<Op>(p.op());
  for (const std::uint32_t input : p.inputs()) {
    if (input >= static_cast<std::uint32_t>(index)) return out_of_range(field + "inputs", input);
    node.inputs.push_back(static_cast<int>(input));
  }
  node.units = static_cast<int>(p.units());
  node.kernel_h = static_cast<int>(p.kernel_h());
  node.kernel_w = static_cast<int>(p.kernel_w());
  node.stride = static_cast<int>(p.stride());
  node.padding_h = static_cast<int>(p.padding());
  node.padding_w = p.has_padding_w() ? static_cast<int>(p.padding_w()) : node.padding_h;
  return node;
}

}  // namespace

void to_proto(const NetworkSpec& network, wire::NetworkProto& proto) {
  const auto u32 = [](int v) { return static_cast<std::uint32_t>(v); };
  const ModelSpec& m = network.model;
  proto.set_name(m.name);
  proto.set_input_h(u32(m.input.h));
  proto.set_input_w(u32(m.input.w));
  proto.set_input_c(u32(m.input.c));
  proto.set_classes(u32(m.classes));
  for (const NodeSpec& node : m.nodes) {
    wire::NodeProto& p = *proto.add_nodes();
    p.set_name(node.name);
    p.set_op(static_cast<std::uint32_t>(node.op));
    for (const int input : node.inputs) p.add_inputs(u32(input));
    p.set_units(u32(node.units));
    p.set_kernel_h(u32(node.kernel_h));
    p.set_kernel_w(u32(node.kernel_w));
    p.set_stride(u32(node.stride));
    p.set_padding(u32(node.padding_h));
    if (node.padding_w != node.padding_h) p.set_padding_w(u32(node.padding_w));
  }
  proto.set_weight_bits(u32(network.quant.weight_bits));
  proto.set_activation_bits(u32(network.quant.activation_bits));
  proto.set_edge_bits(u32(network.quant.edge_bits));
  if (network.quant.tensor_weight_scales) proto.set_tensor_weight_scales(true);
  if (network.quant.range_rule != RangeRule::kLsq) {
    proto.set_range_rule(u32(static_cast<int>(network.quant.range_rule)));
  }
  if (network.quant.range_rule == RangeRule::kPercentile) {
    proto.set_percentile(network.quant.percentile);
  }
  for (const LayerBits& bits : network.quant.layers) {
    wire::LayerBitsProto& p = *proto.add_layer_bits();
    p.set_layer(bits.layer);
    p.set_weight_bits(u32(bits.weight_bits));
    p.set_activation_bits(u32(bits.activation_bits));
  }
  proto.set_input_scale(network.input.scale);
  proto.set_input_zero(u32(network.input.zero));
}

Result<NetworkSpec> from_proto(const wire::NetworkProto& p) {
  const auto size_ok = [](std::uint32_t v) { return v >= 1 && v <= kMaxSize; };
  if (p.name().size() > kMaxName) return out_of_range("name.size", p.name().size());
  if (!size_ok(p.input_h())) return out_of_range("input_h", p.input_h());
  if (!size_ok(p.input_w())) return out_of_range("input_w", p.input_w());
  if (!size_ok(p.input_c())) return out_of_range("input_c", p.input_c());
  if (p.classes() < 1 || p.classes() > 256) return out_of_range("classes", p.classes());
  if (static_cast<std::uint32_t>(p.nodes_size()) > kMaxNodes) {
    return out_of_range("nodes.size", static_cast<std::uint64_t>(p.nodes_size()));
  }
  if (!bits_ok(p.weight_bits())) return out_of_range("weight_bits", p.weight_bits());
  if (!bits_ok(p.activation_bits())) return out_of_range("activation_bits", p.activation_bits());
  if (!bits_ok(p.edge_bits())) return out_of_range("edge_bits", p.edge_bits());
  if (!(std::isfinite(p.input_scale()) && p.input_scale() > 0)) {
    return Error{Errc::kInvalid, "network.input_scale is not a positive number"};
  }
  if (p.input_zero() > 255) return out_of_range("input_zero", p.input_zero());
  if (p.range_rule() > kLastRangeRule) return out_of_range("range_rule", p.range_rule());
  const auto rule = static_cast<RangeRule>(p.range_rule());
  const float percentile = rule == RangeRule::kPercentile ? p.percentile() : 100;
  if (!(percentile > 0 && percentile <= 100)) {
    return Error{Errc::kInvalid, "network.percentile is not above 0 and at most 100"};
  }
  NetworkSpec network;
  network.model.name = p.name();
  network.model.input = {static_cast<int>(p.input_h()), static_cast<int>(p.input_w()),
                         static_cast<int>(p.input_c())};
  network.model.classes = static_cast<int>(p.classes());
  for (int i = 0; i < p.nodes_size(); ++i) {
    auto node = node_from_proto(p.nodes(i), i);
    if (!node) return node.error();
    network.model.nodes.push_back(std::move(*node));
  }
  network.quant = {static_cast<int>(p.weight_bits()),
                   static_cast<int>(p.activation_bits()),
                   static_cast<int>(p.edge_bits()),
                   p.tensor_weight_scales(),
                   rule,
                   percentile,
                   {}};
  if (static_cast<std::uint32_t>(p.layer_bits_size()) > kMaxNodes) {
    return out_of_range("layer_bits.size", static_cast<std::uint64_t>(p.layer_bits_size()));
  }
  for (int i = 0; i < p.layer_bits_size(); ++i) {
    auto bits = bits_from_proto(p.layer_bits(i), i);
    if (!bits) return bits.error();
    network.quant.layers.push_back(std::move(*bits));
  }
  network.input = {p.input_scale(), static_cast<std::int32_t>(p.input_zero())};
  return network;
}

}  // namespace fedqat
