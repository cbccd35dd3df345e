#include "common/kernels/qgemm_tn/qgemm_tn.h"

#include <vector>

#include "common/kernels/best_kernel.h"
#include "common/kernels/qgemm_tn/qgemm_tn_tables.h"

namespace fedqat::kernels {

std::span<const QgemmTnKernel> qgemm_tn_kernels() {
  static const std::vector<QgemmTnKernel> kernels = {
#ifdef FEDQAT_HAVE_AVX512VNNI
      kQgemmTnAvx512Vnni,
#endif
#ifdef FEDQAT_HAVE_AVXVNNI
      kQgemmTnAvxVnni,
#endif
#ifdef FEDQAT_HAVE_AVX2
      kQgemmTnAvx2,
#endif
#ifdef FEDQAT_HAVE_NEONDOT
      kQgemmTnNeonDot,
#endif
#ifdef FEDQAT_HAVE_NEON
      kQgemmTnNeon,
#endif
      kQgemmTnScalar,
  };
  return kernels;
}

const QgemmTnKernel& qgemm_tn_kernel() { return best_kernel(qgemm_tn_kernels()); }

}  // namespace fedqat::kernels
