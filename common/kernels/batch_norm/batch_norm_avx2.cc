#include <cstring>
#include <utility>

#include "common/kernels/batch_norm/batch_norm_tables.h"

namespace fedqat::kernels {
namespace {

constexpr int kVectorBytes = 32;

#include "common/kernels/sgemm/sgemm_each.inc"
// With it:
#include "common/kernels/batch_norm/batch_norm_body.inc"

}  // namespace

const BatchNormKernels kBatchNormAvx2 = {"avx2",    Isa::kAvx2,    sum,     sum_squares,
                                         normalize, backward_sums, backward};

}  // namespace fedqat::kernels
