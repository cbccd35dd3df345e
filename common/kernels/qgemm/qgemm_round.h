// Rounding of accumulators to codes and residuals in plain loops, which GCC vectorizes with the
// flags of the file that includes this.
#pragma once

#include "common/kernels/qgemm/qgemm.h"

namespace fedqat::kernels {
namespace {

// t rounded half to even, |t| <= 2^22, in plain adds.
inline float qgemm_round_even(float t) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23
  return (t + kRound) - kRound;
}

inline float qgemm_clamp(float t, float low, float high) {
  const float above = t > low ? t : low;
  return above < high ? above : high;
}

inline void qgemm_codes(const std::int32_t* __restrict acc, const float* __restrict mult, int cols,
                        float low, float high, std::int32_t zero, std::uint8_t* __restrict y) {
  for (int c = 0; c < cols; ++c) {
    const float r = qgemm_round_even(qgemm_clamp(static_cast<float>(acc[c]) * mult[c], low, high));
    y[c] = static_cast<std::uint8_t>(static_cast<std::int32_t>(r) + zero);
  }
}

inline void qgemm_residuals(const std::int32_t* __restrict acc, const float* __restrict mult,
                            int cols, float low, float high, std::int8_t* __restrict residual) {
  for (int c = 0; c < cols; ++c) {
    const float t = static_cast<float>(acc[c]) * mult[c];
    const float clamped = qgemm_clamp(t, low, high);
    const float r = qgemm_round_even(clamped);
    const float pass = (t > low ? 1.0F : 0.0F) * (t < high ? 1.0F : 0.0F);
    const float error = qgemm_round_even((r - clamped) * kResidualSteps);
    const float code = error * pass + (1.0F - pass) * float{kClipped};
    residual[c] = static_cast<std::int8_t>(static_cast<std::int32_t>(code));
  }
}

// Columns j .. j+cols-1 of row i, whose accumulators are acc[0 .. cols-1].
inline void qgemm_round(const QgemmArgs& g, int i, int j, int cols, const std::int32_t* acc) {
  const auto low = static_cast<float>(g.grid.low - g.grid.zero);
  const auto high = static_cast<float>(g.grid.high - g.grid.zero);
  qgemm_codes(acc, g.mult + j, cols, low, high, g.grid.zero, g.y + i * g.ldy + j);
  if (g.residual == nullptr) return;
  qgemm_residuals(acc, g.mult + j, cols, low, high, g.residual + i * g.ldresidual + j);
}

}  // namespace
}  // namespace fedqat::kernels
