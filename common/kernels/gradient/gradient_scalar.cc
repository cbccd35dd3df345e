#include <algorithm>
#include <cstring>

#include "common/kernels/gradient/gradient_tables.h"
#include "common/kernels/qgemm/qgemm.h"

namespace fedqat::kernels {
namespace {
constexpr int kLanes = 4;
#include "common/kernels/gradient/lanes_any.inc"
//
#include "common/kernels/gradient/gradient_body.inc"
#include "common/kernels/gradient/random_words.inc"
#include "common/kernels/gradient/weight_codes.inc"
}  // namespace

const GradientKernels kGradientScalar = {"scalar",     Isa::kScalar, random_bytes, range,
                                         quantize,     split_digits, scale_sums,   join_digits,
                                         weight_codes, weights};

}  // namespace fedqat::kernels
