#include "common/kernels/qgemm/qgemm.h"

#include <vector>

#include "common/base/check.h"
#include "common/kernels/qgemm/qgemm_tables.h"

namespace fedqat::kernels {

std::span<const QgemmKernel> qgemm_kernels() {
  static const std::vector<QgemmKernel> kernels = {
#ifdef FEDQAT_HAVE_AVX512VNNI
      kQgemmAvx512Vnni,
#endif
#ifdef FEDQAT_HAVE_AVX2
      kQgemmAvx2,
#endif
      kQgemmScalar,
  };
  return kernels;
}

const QgemmKernel& qgemm_kernel() {
  for (const QgemmKernel& k : qgemm_kernels()) {
    if (cpu_has(k.isa)) return k;
  }
  check_failed("a qgemm kernel for this machine", __FILE__, __LINE__);
}

}  // namespace fedqat::kernels
