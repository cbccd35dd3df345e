// From what training learns of scales to the scales that are computed with.
#pragma once

#include <cstdint>
#include <span>

#include "common/nn/graph.h"

namespace fedqat {

// params: all of the graph's. theta is the step's learnt log2 scale.

// 2^theta, with RangeRule::kTqt 2^ceil(theta) [Jain20]. The step has an activation_scale.
float activation_scale(const Graph& graph, const Step& step, std::span<const float> params);
// The opposite: where theta begins for `scale`. kTqt: half an octave lower, so that 2^ceil(theta)
// is the power of two that is nearest to it.
float first_theta(const QuantSpec& quant, float scale);

// `fixed`, or where the step learns an offset rint(offset * (2^bits - 1)), within the codes.
std::int32_t zero_point(const Graph& graph, const Step& step, std::span<const float> params,
                        std::int32_t fixed);

// 2^theta for each output channel; scales [channels]. The step has a weight_scale.
void weight_scales(const Graph& graph, const Step& step, std::span<const float> params,
                   std::span<float> scales);

}  // namespace fedqat
