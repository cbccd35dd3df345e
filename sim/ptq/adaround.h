// AdaRound [Nagel20]: which weights to round up and which down.
#pragma once

#include <span>

#include "sim/ptq/calibration_data.h"

namespace fedqat {

// For every dense and conv2d step, with its scales fixed: w = s clip(floor(w / s) + h(V), -q, q),
// h = clip(1.2 sigmoid(V) - 0.1, 0, 1), with V by Adam so as to minimise
//   E |W x - W0 x|^2 / (that of rounding to the nearest) + lambda mean(1 - |2 h - 1|^beta)
// beta falls from 20 to 2 and lambda is 0 in the first fifth of the steps. At the end h is rounded;
// a channel for which rounding to the nearest has less error keeps that. x: layer inputs of the
// fp32 network. Writes code * scale into the weights of params [graph.param_count].
void adaround(const Graph& graph, CalibrationData& data, std::span<float> params);

// One layer. w0 and scales real values, [channels, fan_in] and [channels]; x [rows, fan_in], rows
// >= 1; codes within +-q. Returns codes.
std::vector<float> adaround_codes(std::span<const float> w0, std::span<const float> scales, int q,
                                  const CalibrationData::Rows& x);

}  // namespace fedqat
