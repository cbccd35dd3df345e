// The kernels of the other files in this folder, for batch_norm.cc alone.
#pragma once

#include "common/kernels/batch_norm/batch_norm.h"

namespace fedqat::kernels {

extern const BatchNormKernels kBatchNormScalar;
extern const BatchNormKernels kBatchNormAvx2;
extern const BatchNormKernels kBatchNormAvx512;

}  // namespace fedqat::kernels
