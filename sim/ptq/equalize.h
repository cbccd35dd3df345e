// Cross-layer equalization [Nagel19]: the same function with ranges of weights that fit one scale.
#pragma once

#include <span>

#include "common/nn/graph.h"

namespace fedqat {

// Between two steps with weights, the second of which alone reads the first, through nothing but
// ReLU and pools: for channel i with r1 = max |W1_i|, r2 = max |W2_:i| and s = sqrt(r1 / r2)
//   W1_i /= s;  b1_i /= s;  W2_:i *= s
// so that both ranges are sqrt(r1 r2). Sweeps over all such pairs until no s is off 1 by 1 %, at
// most 20 times. Channels of zeros stay. params [graph.param_count], batch normalization folded.
void equalize(const Graph& graph, std::span<float> params);

}  // namespace fedqat
