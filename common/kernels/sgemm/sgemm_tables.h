// The kernels of the other files in this folder, for sgemm.cc alone.
#pragma once

#include "common/kernels/sgemm/sgemm.h"

namespace fedqat::kernels {

extern const SgemmKernel kSgemmScalar;
extern const SgemmKernel kSgemmAvx2;
extern const SgemmKernel kSgemmAvx512;

}  // namespace fedqat::kernels
