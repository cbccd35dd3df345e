#include <algorithm>
#include <cstring>

#include "common/kernels/gradient/gradient_tables.h"
#include "common/kernels/qgemm/qgemm.h"

namespace fedqat::kernels {
namespace {
#include "common/kernels/gradient/gradient_body.inc"
}  // namespace

const GradientKernels kGradientAvx2 = {"avx2",       Isa::kAvx2,   random_bytes, range,
                                       quantize,     split_digits, scale_sums,   join_digits,
                                       weight_codes, weights};

}  // namespace fedqat::kernels
