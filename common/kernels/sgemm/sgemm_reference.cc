#include <algorithm>
#include <cmath>

#include "common/kernels/sgemm/sgemm.h"

namespace fedqat::kernels {

void sgemm_reference(const SgemmArgs& g) {
  const int row_run = g.row_run > 0 ? g.row_run : g.m;
  const int depth_run = g.depth_run > 0 ? g.depth_run : g.k;
  for (int i = 0; i < g.m; ++i) {
    const float* a = g.a + i / row_run * g.a_row_run + i % row_run * g.a_row;
    for (int j = 0; j < g.n; ++j) {
      float sum = g.accumulate ? g.c[i * g.ldc + j] : 0.0F;
      for (int p = 0; p < g.k; ++p) {
        const int run = p / depth_run, t = p % depth_run;
        const std::ptrdiff_t at = run * g.b_depth_run + t * g.b_row + j * g.b_col;
        const float b = g.b != nullptr ? g.b[at] : static_cast<float>(g.b_codes[at] - g.b_zero);
        sum = std::fma(a[run * g.a_depth_run + t * g.a_col], b, sum);
      }
      if (g.bias != nullptr) sum = std::max(g.floor, sum + g.bias[j]);
      g.c[i * g.ldc + j] = sum;
    }
  }
}

}  // namespace fedqat::kernels
