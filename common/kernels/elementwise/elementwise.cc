#include "common/kernels/elementwise/elementwise.h"

#include <vector>

#include "common/base/check.h"
#include "common/kernels/elementwise/elementwise_tables.h"

namespace fedqat::kernels {

std::span<const ElementwiseKernels> elementwise_kernels() {
  static const std::vector<ElementwiseKernels> kernels = {
#ifdef FEDQAT_HAVE_AVX512VNNI
      kElementwiseAvx512,
#endif
#ifdef FEDQAT_HAVE_AVX2
      kElementwiseAvx2,
#endif
      kElementwiseScalar,
  };
  return kernels;
}

const ElementwiseKernels& elementwise() {
  for (const ElementwiseKernels& k : elementwise_kernels()) {
    if (cpu_has(k.isa)) return k;
  }
  check_failed("elementwise kernels for this machine", __FILE__, __LINE__);
}

}  // namespace fedqat::kernels
