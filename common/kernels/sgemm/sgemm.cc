#include "common/kernels/sgemm/sgemm.h"

#include <vector>

#include "common/base/check.h"
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

const SgemmKernel& sgemm_kernel() {
  for (const SgemmKernel& k : sgemm_kernels()) {
    if (cpu_has(k.isa)) return k;
  }
  check_failed("an sgemm kernel for this machine", __FILE__, __LINE__);
}

}  // namespace fedqat::kernels
