#include "common/kernels/gradient/gradient.h"

#include <vector>

#include "common/kernels/best_kernel.h"
#include "common/kernels/gradient/gradient_tables.h"

namespace fedqat::kernels {

std::span<const GradientKernels> gradient_kernels() {
  static const std::vector<GradientKernels> kernels = {
#ifdef FEDQAT_HAVE_AVX512VNNI
      kGradientAvx512,
#endif
#ifdef FEDQAT_HAVE_AVX2
      kGradientAvx2,
#endif
      kGradientScalar,
  };
  return kernels;
}

const GradientKernels& gradient() { return best_kernel(gradient_kernels()); }

}  // namespace fedqat::kernels
