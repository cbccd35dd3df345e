// Empirical bias correction [Nagel19]: takes out the mean that rounding the weights adds.
#pragma once

#include <span>

#include "sim/ptq/calibration_data.h"

namespace fedqat {

// b <- b - (Q(W) - W0) E[x] for every channel; Q(W) the weights of `params` on their scales, W0
// those of the fp32 network of `data`, x its layer inputs. graph: quantized; its steps are those of
// data's graph. params [graph.param_count], scales set.
void correct_biases(const Graph& graph, CalibrationData& data, std::span<float> params);

// code * scale of every weight of a step, rounded as the deployed model does. [channels, fan_in]
std::vector<float> rounded_weights(const Graph& graph, const Step& step,
                                   std::span<const float> params);

}  // namespace fedqat
