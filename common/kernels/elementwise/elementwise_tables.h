// The kernels of the other files in this folder, for elementwise.cc alone.
#pragma once

#include <algorithm>
#include <cstring>

#include "common/kernels/elementwise/elementwise.h"

namespace fedqat::kernels {

extern const ElementwiseKernels kElementwiseScalar;
extern const ElementwiseKernels kElementwiseAvx2;
extern const ElementwiseKernels kElementwiseAvx512;

}  // namespace fedqat::kernels
