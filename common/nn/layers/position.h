// Straight-through gradients of steps that round a position of their own (Add, AvgPool).
#pragma once

#include <cmath>

#include "common/nn/layers/layer.h"

namespace fedqat {

// position(i) is t_i before rounding. dv = inside ? dy : 0; returns dL/ds of the output scale,
// LSQ's regions as in requantize_backward(), summed in order.
template <class Position>
float straight_through(std::size_t n, Position position, const kernels::OutputGrid& grid,
                       const float* dy, float* dv) {
  const auto low = static_cast<float>(grid.low - grid.zero);
  const auto high = static_cast<float>(grid.high - grid.zero);
  float dscale = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const float t = position(i);
    const bool inside = t > low && t < high;
    const float rounded = t <= low ? low : t >= high ? high : std::nearbyint(t);
    dv[i] = inside ? dy[i] : 0.0F;
    dscale += dy[i] * (rounded - (inside ? t : 0.0F));
  }
  return dscale;
}

inline void relu_real(std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = y[i] > 0 ? y[i] : 0;
}

// The fp32 counterpart: dv = relu && y <= 0 ? 0 : dy.
inline void pass_real(std::size_t n, bool relu, const float* y, const float* dy, float* dv) {
  for (std::size_t i = 0; i < n; ++i) dv[i] = relu && !(y[i] > 0) ? 0 : dy[i];
}

inline void set_scale_gradient(const Graph& graph, const Step& step, const Pass& pass, float scale,
                               float dscale) {
  pass.grad(graph.params[static_cast<std::size_t>(step.activation_scale)])[0] =
      log2_scale_gradient(scale, dscale, step.out.size(), (1 << step.activation_bits) - 1);
}

}  // namespace fedqat
