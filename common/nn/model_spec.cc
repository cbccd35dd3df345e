#include "common/nn/model_spec.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace fedqat {
namespace {

constexpr std::array<std::pair<Op, std::string_view>, 10> kOps = {{
    {Op::kInput, "input"},
    {Op::kDense, "dense"},
    {Op::kConv2d, "conv2d"},
    {Op::kMaxPool, "max_pool"},
    {Op::kAvgPool, "avg_pool"},
    {Op::kRelu, "relu"},
    {Op::kFlatten, "flatten"},
    {Op::kAdd, "add"},
    {Op::kDepthwiseConv2d, "depthwise_conv2d"},
    {Op::kBatchNorm, "batch_norm"},
}};

constexpr int kMaxExtent = 1 << 14;             // of a side, of channels, of a kernel
constexpr std::uint64_t kMaxValues = 1U << 22;  // elements of one sample's value

// In 64 bits, for what is refused may not fit a size_t.
bool too_large(const Shape& s) {
  const auto wide = [](int v) { return static_cast<std::uint64_t>(v); };
  return s.h > kMaxExtent || s.w > kMaxExtent || wide(s.h) * wide(s.w) * wide(s.c) > kMaxValues;
}

Error node_error(const NodeSpec& node, std::string what) {
  return {Errc::kInvalid, "layer '" + node.name + "': " + std::move(what)};
}

Result<Shape> windowed(const NodeSpec& n, const Shape& x, int channels) {
  if (n.kernel_h < 1 || n.kernel_w < 1 || n.kernel_h > kMaxExtent || n.kernel_w > kMaxExtent) {
    return node_error(n, "the kernel must be at least 1 x 1");
  }
  if (n.stride < 1 || n.padding_h < 0 || n.padding_w < 0 || n.stride > kMaxExtent ||
      n.padding_h > kMaxExtent || n.padding_w > kMaxExtent) {
    return node_error(n, "stride must be at least 1 and padding at least 0");
  }
  const int h = x.h + 2 * n.padding_h - n.kernel_h, w = x.w + 2 * n.padding_w - n.kernel_w;
  if (h < 0 || w < 0) {
    return node_error(n, "a " + std::to_string(n.kernel_h) + " x " + std::to_string(n.kernel_w) +
                             " kernel does not fit its input " + to_string(x) +
                             "; use a smaller kernel or more padding");
  }
  return Shape{h / n.stride + 1, w / n.stride + 1, channels};
}

// Batch normalization is folded into the layer before it, so that one has to have weights, and its
// values as they are must not be wanted elsewhere.
Result<void> check_batch_norm(const ModelSpec& spec, const NodeSpec& n) {
  const NodeSpec& before = spec.nodes[static_cast<std::size_t>(n.inputs[0])];
  if (before.op != Op::kDense && before.op != Op::kConv2d && before.op != Op::kDepthwiseConv2d) {
    return node_error(n, "batch_norm must read a dense, conv2d or depthwise_conv2d layer, '" +
                             before.name + "' is " + std::string(op_name(before.op)) +
                             "; put it directly behind one");
  }
  for (const NodeSpec& other : spec.nodes) {
    const auto reads = std::count(other.inputs.begin(), other.inputs.end(), n.inputs[0]);
    if (reads > (&other == &n ? 1 : 0)) {
      return node_error(n, "'" + other.name + "' reads '" + before.name +
                               "' too, which is not kept before batch_norm; let it read '" +
                               n.name + "'");
    }
  }
  return {};
}

Result<Shape> output_shape(const NodeSpec& n, const std::vector<Shape>& shapes) {
  const auto in = [&](std::size_t i) { return shapes[static_cast<std::size_t>(n.inputs[i])]; };
  switch (n.op) {
    case Op::kInput:
      return node_error(n, "only the first layer may be the input");
    case Op::kDense:
      if (n.units < 1 || n.units > 65536) return node_error(n, "units must be 1..65536");
      return Shape{1, 1, n.units};
    case Op::kConv2d:
      if (n.units < 1 || n.units > 65536) return node_error(n, "units must be 1..65536");
      return windowed(n, in(0), n.units);
    case Op::kDepthwiseConv2d:
      if (n.kernel_h * std::int64_t{n.kernel_w} > 256) {
        return node_error(n, "a depthwise kernel may have at most 256 elements; use a smaller one");
      }
      return windowed(n, in(0), in(0).c);
    case Op::kMaxPool:
    case Op::kAvgPool:
      if (n.padding_h != 0 || n.padding_w != 0) return node_error(n, "pools take no padding");
      if (n.kernel_h * std::int64_t{n.kernel_w} > 256) {
        return node_error(n, "a pool's window may have at most 256 elements");
      }
      return windowed(n, in(0), in(0).c);
    case Op::kRelu:
    case Op::kBatchNorm:
      return in(0);
    case Op::kFlatten:
      return Shape{1, 1, static_cast<int>(in(0).size())};
    case Op::kAdd:
      if (in(0) != in(1)) {
        return node_error(
            n, "its inputs differ in shape: " + to_string(in(0)) + " and " + to_string(in(1)));
      }
      return in(0);
  }
  return node_error(n, "unknown operation");
}

}  // namespace

std::string_view op_name(Op op) {
  for (const auto& [value, name] : kOps) {
    if (value == op) return name;
  }
  return "unknown";
}

Result<Op> parse_op(std::string_view name) {
  std::string known;
  for (const auto& [value, text] : kOps) {
    if (text == name) return value;
    known += (known.empty() ? "" : ", ") + std::string(text);
  }
  return Error{Errc::kInvalid, "unknown operation '" + std::string(name) + "'; known: " + known};
}

Result<std::vector<Shape>> infer_shapes(const ModelSpec& spec) {
  if (spec.nodes.empty() || spec.nodes[0].op != Op::kInput || !spec.nodes[0].inputs.empty()) {
    return Error{Errc::kInvalid, "model '" + spec.name + "': the first layer must be the input"};
  }
  for (const int side : {spec.input.h, spec.input.w, spec.input.c}) {
    if (side < 1 || side > kMaxExtent) {
      return Error{Errc::kInvalid,
                   "model '" + spec.name + "': bad input shape " + to_string(spec.input)};
    }
  }
  if (too_large(spec.input)) {
    return node_error(spec.nodes[0], "its shape " + to_string(spec.input) + " is too large");
  }
  std::vector<Shape> shapes = {spec.input};
  std::set<std::string_view> names = {spec.nodes[0].name};
  for (std::size_t i = 1; i < spec.nodes.size(); ++i) {
    const NodeSpec& n = spec.nodes[i];
    if (!names.insert(n.name).second) return node_error(n, "the name is taken; names are unique");
    if (n.inputs.size() != (n.op == Op::kAdd ? 2U : 1U)) {
      return node_error(n, std::string(op_name(n.op)) + " takes " +
                               (n.op == Op::kAdd ? "two inputs" : "one input"));
    }
    for (const int input : n.inputs) {
      if (input < 0 || static_cast<std::size_t>(input) >= i) {
        return node_error(n, "its input must be an earlier layer");
      }
    }
    if (n.op == Op::kBatchNorm) {
      if (auto ok = check_batch_norm(spec, n); !ok) return ok.error();
    }
    auto shape = output_shape(n, shapes);
    if (!shape) return shape.error();
    if (too_large(*shape)) {
      return node_error(n, "its output " + to_string(*shape) + " is too large");
    }
    shapes.push_back(*shape);
  }
  if (shapes.back() != Shape{1, 1, spec.classes} || spec.classes < 2 || spec.classes > 256) {
    return Error{Errc::kInvalid,
                 "model '" + spec.name + "': the last layer gives " + to_string(shapes.back()) +
                     ", the data has " + std::to_string(spec.classes) +
                     " classes; end with dense, units = " + std::to_string(spec.classes)};
  }
  return shapes;
}

}  // namespace fedqat
