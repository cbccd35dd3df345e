#include <cmath>

#include "common/kernels/sgemm/sgemm.h"

namespace fedqat::kernels {

void sgemm_reference(const SgemmArgs& g) {
  for (int i = 0; i < g.m; ++i) {
    for (int j = 0; j < g.n; ++j) {
      float sum = g.accumulate ? g.c[i * g.ldc + j] : 0.0F;
      for (int p = 0; p < g.k; ++p) {
        const std::ptrdiff_t at = p * g.b_row + j * g.b_col;
        const float b = g.b != nullptr ? g.b[at] : static_cast<float>(g.b_codes[at] - g.b_zero);
        sum = std::fma(g.a[i * g.a_row + p * g.a_col], b, sum);
      }
      g.c[i * g.ldc + j] = sum;
    }
  }
}

}  // namespace fedqat::kernels
