// Batch normalization [Ioffe15] after the sums v of a convolution or dense layer, per channel:
//   y = gamma (v - mean) / sqrt(variance + kBatchNormEpsilon) + beta
// It lives in fp32 passes alone. Where a run passes to integers, and where an fp32 model is packed,
// it is folded into weights and biases; integer passes and deployed models know nothing of it.
#pragma once

#include <span>

#include "common/nn/graph.h"

namespace fedqat {

inline constexpr float kBatchNormEpsilon = 1e-5F;
// A training step moves running statistics by this share of the way to its batch's.
inline constexpr float kStatisticsMomentum = 0.1F;

// f = gamma / sqrt(variance + kBatchNormEpsilon);  w *= f;  b = beta + (b - mean) f
// for every step that has them, in binary32 and this order. params [graph.param_count]; gamma,
// beta and the statistics stay as they are and mean nothing from then on.
void fold_batch_norm(const Graph& graph, std::span<float> params);

// The network that is left: the same steps in the same order.
ModelSpec without_batch_norm(const ModelSpec& spec);

}  // namespace fedqat
