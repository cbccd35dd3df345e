#include "common/kernels/elementwise/elementwise.h"

#include <vector>

#include "common/kernels/best_kernel.h"
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

const ElementwiseKernels& elementwise() { return best_kernel(elementwise_kernels()); }

}  // namespace fedqat::kernels
