#include "common/kernels/qgemm/qgemm.h"

#include <vector>

#include "common/kernels/best_kernel.h"
#include "common/kernels/qgemm/qgemm_tables.h"

namespace fedqat::kernels {

std::span<const QgemmKernel> qgemm_kernels() {
  static const std::vector<QgemmKernel> kernels = {
#ifdef FEDQAT_HAVE_AVX512VNNI
      kQgemmAvx512Vnni,
#endif
#ifdef FEDQAT_HAVE_AVXVNNI
      kQgemmAvxVnni,
#endif
#ifdef FEDQAT_HAVE_AVX2
      kQgemmAvx2,
#endif
#ifdef FEDQAT_HAVE_NEONDOT
      kQgemmNeonDot,
#endif
#ifdef FEDQAT_HAVE_NEON
      kQgemmNeon,
#endif
      kQgemmScalar,
  };
  return kernels;
}

const QgemmKernel& qgemm_kernel() { return best_kernel(qgemm_kernels()); }

}  // namespace fedqat::kernels
