#include "common/kernels/batch_norm/batch_norm.h"

#include <vector>

#include "common/kernels/batch_norm/batch_norm_tables.h"
#include "common/kernels/best_kernel.h"

namespace fedqat::kernels {

std::span<const BatchNormKernels> batch_norm_kernels() {
  static const std::vector<BatchNormKernels> kernels = {
#ifdef FEDQAT_HAVE_AVX512VNNI
      kBatchNormAvx512,
#endif
#ifdef FEDQAT_HAVE_AVX2
      kBatchNormAvx2,
#endif
      kBatchNormScalar,
  };
  return kernels;
}

const BatchNormKernels& batch_norm_kernel() { return best_kernel(batch_norm_kernels()); }

}  // namespace fedqat::kernels
