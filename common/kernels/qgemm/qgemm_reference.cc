#include <algorithm>
#include <cmath>

#include "common/kernels/qgemm/qgemm.h"

namespace fedqat::kernels {
namespace {

void round_reference(const QgemmArgs& g, int i, int j, std::int32_t acc) {
  const auto low = static_cast<float>(g.grid.low - g.grid.zero);
  const auto high = static_cast<float>(g.grid.high - g.grid.zero);
  const float t = static_cast<float>(acc) * g.mult[j];
  const float r = std::nearbyint(std::clamp(t, low, high));
  g.y[i * g.ldy + j] = static_cast<std::uint8_t>(static_cast<std::int32_t>(r) + g.grid.zero);
  if (g.residual == nullptr) return;
  g.residual[i * g.ldresidual + j] =
      t > low && t < high ? static_cast<std::int8_t>(std::nearbyint((r - t) * kResidualSteps))
                          : kClipped;
}

}  // namespace

void qgemm_reference(const QgemmArgs& g, const std::int8_t* b, std::ptrdiff_t ldb) {
  for (int i = 0; i < g.m; ++i) {
    for (int j = 0; j < g.n; ++j) {
      std::int64_t acc = g.bias != nullptr ? g.bias[j] : 0;
      for (int k = 0; k < g.k; ++k) {
        acc += (std::int64_t{g.a[i * g.lda + k]} - g.a_zero) * b[j * ldb + k];
      }
      const auto sum = static_cast<std::int32_t>(acc);
      if (g.acc != nullptr) g.acc[i * g.ldacc + j] = sum;
      if (g.y != nullptr) round_reference(g, i, j, sum);
    }
  }
}

}  // namespace fedqat::kernels
