#include <algorithm>
#include <cstring>

#include "common/kernels/gradient/gradient_tables.h"
#include "common/kernels/qgemm/qgemm.h"

namespace fedqat::kernels {
namespace {
#include "common/kernels/gradient/gradient_body.inc"
#include "common/kernels/gradient/random_words.inc"
}  // namespace

const GradientKernels kGradientScalar = {"scalar",     Isa::kScalar, random_bytes, range,
                                         quantize,     split_digits, scale_sums,   join_digits,
                                         weight_codes, weights};

}  // namespace fedqat::kernels
