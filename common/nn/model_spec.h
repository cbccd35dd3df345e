// What a network computes, without numbers: a graph of named operations in topological order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/tensor/shape.h"

namespace fedqat {

// On disk and on the wire: a value is never reused and never changes its meaning.
enum class Op : std::uint8_t {
  kInput = 1,
  kDense = 2,
  kConv2d = 3,
  kMaxPool = 4,
  kAvgPool = 5,
  kRelu = 6,
  kFlatten = 7,
  kAdd = 8,
  kDepthwiseConv2d = 9,  // each channel with a kernel of its own; as many channels out as in
  kBatchNorm = 10,       // behind a convolution or dense layer that nothing else reads
};

std::string_view op_name(Op op);             // "conv2d", as in configs
Result<Op> parse_op(std::string_view name);  // kInvalid, lists the names

struct NodeSpec {
  std::string name;  // unique
  Op op = Op::kInput;
  std::vector<int> inputs;  // indices of earlier nodes: none for kInput, two for kAdd, else one
  int units = 0;            // outputs of kDense, output channels of kConv2d
  int kernel_h = 0;         // convolutions and pools
  int kernel_w = 0;
  int stride = 1;
  int padding_h = 0;  // kConv2d, kDepthwiseConv2d: rows of zeros above and below
  int padding_w = 0;  // columns of zeros left and right
};

// nodes[0] is the only kInput; the last node is the output and has `classes` channels.
struct ModelSpec {
  std::string name;
  Shape input;
  int classes = 0;
  std::vector<NodeSpec> nodes;
};

// Shape of every node's output, or kInvalid with the node's name and what does not fit.
Result<std::vector<Shape>> infer_shapes(const ModelSpec& spec);

// A network by name: "softmax", "mlp-64" (or other widths), "digits-cnn", "lenet5", "cnn",
// "femnist-cnn", "cifar-cnn", "resnet8", "ds-cnn". kInvalid lists the names.
Result<ModelSpec> model_from_zoo(std::string_view name, const Shape& input, int classes);

}  // namespace fedqat
