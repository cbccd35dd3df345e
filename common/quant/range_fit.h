// Scales from statistics: the clip that minimises the mean squared quantization error.
#pragma once

#include <cstdint>
#include <span>

#include "common/quant/histogram.h"

namespace fedqat {

struct ActivationGrid {
  float scale = 1;
  std::int32_t zero = 0;
};

// Unsigned grid of `bits` for values with histogram `h`, by a cost search over clips.
// relu: values are >= 0 and zero = 0; else affine with the zero point that holds real 0.
ActivationGrid fit_activation(const Log2Histogram& h, int bits, bool relu);

// Symmetric scale for one channel of weights: codes in +-(2^(bits-1) - 1), by grid search
// over clips from the largest weight down. All-zero channels get a harmless positive scale.
float fit_weight_scale(std::span<const float> w, int bits);

}  // namespace fedqat
