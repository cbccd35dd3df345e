#include "common/nn/layers/layer.h"

#include <cmath>

#include "common/base/check.h"
#include "common/nn/layers/batch_norm_layer.h"
#include "common/nn/layers/depthwise.h"
#include "common/nn/layers/join_layers.h"
#include "common/nn/layers/linear.h"
#include "common/nn/layers/pool_layers.h"

namespace fedqat {

std::unique_ptr<Layer> make_layer(const Graph& graph, const Step& step, const LayerMemory& memory,
                                  Backward backward) {
  if (step.batch_norm) {
    Step sums = step;
    sums.batch_norm = sums.relu = false;  // in fp32; integers have the ReLU in the output's grid
    return std::make_unique<BatchNormLayer>(graph, step, memory,
                                            make_layer(graph, sums, memory, backward));
  }
  switch (step.op) {
    case Op::kDense:
    case Op::kConv2d:
      return std::make_unique<LinearLayer>(graph, step, memory, backward);
    case Op::kDepthwiseConv2d:
      return std::make_unique<DepthwiseLayer>(graph, step, memory);
    case Op::kMaxPool:
      return std::make_unique<MaxPoolLayer>(step);
    case Op::kAvgPool:
      return std::make_unique<AvgPoolLayer>(graph, step, memory);
    case Op::kAdd:
      return std::make_unique<AddLayer>(graph, step, memory);
    case Op::kRelu:
      return std::make_unique<ReluLayer>(step);
    case Op::kInput:
    case Op::kFlatten:
    case Op::kBatchNorm:
      break;  // build_graph() makes no step of these
  }
  check_failed("a layer for this operation", __FILE__, __LINE__);
}

float log2_scale_norm(std::size_t count, int levels) {
  return std::sqrt(static_cast<float>(count) * static_cast<float>(levels));
}

float log2_scale_gradient(float scale, float dscale, float norm) {
  constexpr float kLn2 = 0.69314718F;
  return dscale * (scale * kLn2) / norm;
}

float log2_scale_gradient(float scale, float dscale, std::size_t count, int levels) {
  return log2_scale_gradient(scale, dscale, log2_scale_norm(count, levels));
}

}  // namespace fedqat
