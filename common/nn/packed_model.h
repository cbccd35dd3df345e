// The model as it is deployed: codes and scales, nothing of the trainer.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/result.h"
#include "common/data/dataset.h"
#include "common/nn/graph.h"
#include "common/nn/model_state.h"

namespace fedqat {

// Bounds of every scale of a packed model.
inline constexpr float kMinScale = 0x1p-40F;
inline constexpr float kMaxScale = 0x1p40F;

struct PackedStep {
  std::vector<std::int8_t> weights;  // codes [channels, fan_in], |code| <= 2^(bits-1) - 1
  std::vector<float> weight_scales;  // [channels]
  std::vector<std::int32_t> bias;    // [channels], at scale s_x * s_w[c]
  float activation_scale = 0;        // 0: shares its input's quantizer
  std::int32_t activation_zero = 0;  // 0..2^activation_bits - 1
  // fp32 models instead of the above:
  std::vector<float> float_weights;
  std::vector<float> float_bias;  // dynamic ones instead of bias
};

struct PackedModel {
  ModelSpec spec;   // without batch_norm
  QuantSpec quant;  // is_float() for fp32 models; bits alone, no rules of training
  InputGrid input;
  std::vector<PackedStep> steps;  // parallel to build_graph(spec, quant)->steps
};

// Batch normalization is folded: here, or where the state was quantized.
// kChecks: params fit the graph; a quantized graph needs a quantized state.
PackedModel pack_model(const Graph& graph, const ModelState& state, const InputGrid& input);

// Everything an Engine relies on: shapes, code ranges, scales, zero points.
// kInvalid with the step's name. To be called on whatever comes from a file or a peer.
Result<void> validate(const PackedModel& model);

}  // namespace fedqat
