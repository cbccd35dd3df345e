#include "common/kernels/sgemm/sgemm.h"

#include <vector>

#include "common/kernels/best_kernel.h"
#include "common/kernels/sgemm/sgemm_tables.h"

namespace fedqat::kernels {

std::span<const SgemmKernel> sgemm_kernels() {
  static const std::vector<SgemmKernel> kernels = {
#ifdef FEDQAT_HAVE_AVX512VNNI
      kSgemmAvx512,
#endif
#ifdef FEDQAT_HAVE_AVX2
      kSgemmAvx2,
#endif
      kSgemmScalar,
  };
  return kernels;
}

const SgemmKernel& sgemm_kernel() { return best_kernel(sgemm_kernels()); }

}  // namespace fedqat::kernels
