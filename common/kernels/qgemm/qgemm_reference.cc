#include "common/kernels/qgemm/qgemm.h"

namespace fedqat::kernels {

void qgemm_reference(const QgemmArgs& g, const std::int8_t* b, std::ptrdiff_t ldb) {
  for (int i = 0; i < g.m; ++i) {
    for (int j = 0; j < g.n; ++j) {
      std::int64_t acc = g.bias[j];
      for (int k = 0; k < g.k; ++k) {
        acc += (std::int64_t{g.a[i * g.lda + k]} - g.a_zero) * b[j * ldb + k];
      }
      g.acc[i * g.ldacc + j] = static_cast<std::int32_t>(acc);
    }
  }
}

}  // namespace fedqat::kernels
