#include "common/kernels/elementwise/elementwise_tables.h"

namespace fedqat::kernels {
namespace {
#include "common/kernels/elementwise/elementwise_body.inc"
}  // namespace

const ElementwiseKernels kElementwiseAvx2 = {"avx2",
                                             Isa::kAvx2,
                                             requantize,
                                             requantize_maxima,
                                             requantize_backward,
                                             quantize_weights,
                                             weights_backward,
                                             add_bias,
                                             bias_backward,
                                             sum_rows,
                                             dequantize,
                                             add,
                                             add_backward,
                                             sgd};

}  // namespace fedqat::kernels
