// Rounding of accumulators to codes and residuals, one by one.
#pragma once

#include "common/kernels/qgemm/qgemm.h"

namespace fedqat::kernels {
namespace {

// t rounded half to even, |t| <= 2^22, in plain adds.
inline float qgemm_round_even(float t) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23
  return (t + kRound) - kRound;
}

// Columns j .. j+cols-1 of row i, whose accumulators are acc[0 .. cols-1].
inline void qgemm_round(const QgemmArgs& g, int i, int j, int cols, const std::int32_t* acc) {
  const auto low = static_cast<float>(g.grid.low - g.grid.zero);
  const auto high = static_cast<float>(g.grid.high - g.grid.zero);
  std::uint8_t* y = g.y + i * g.ldy + j;
  std::int8_t* residual = g.residual != nullptr ? g.residual + i * g.ldresidual + j : nullptr;
  for (int c = 0; c < cols; ++c) {
    const float t = static_cast<float>(acc[c]) * g.mult[j + c];
    const float above = t > low ? t : low;
    const float r = qgemm_round_even(above < high ? above : high);
    y[c] = static_cast<std::uint8_t>(static_cast<std::int32_t>(r) + g.grid.zero);
    if (residual == nullptr) continue;
    residual[c] = kClipped;
    if (t > low && t < high) {
      residual[c] = static_cast<std::int8_t>(qgemm_round_even((r - t) * kResidualSteps));
    }
  }
}

// Rows i .., columns j .. of the outputs; as in round256.h.
inline void round_rows(const QgemmArgs& g, int i, int rows, int j, int count, const float*,
                       const std::int32_t* acc, std::ptrdiff_t ldacc) {
  for (int r = 0; r < rows; ++r) qgemm_round(g, i + r, j, count, acc + r * ldacc);
}

}  // namespace
}  // namespace fedqat::kernels
