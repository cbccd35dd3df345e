// The kernels of the other files in this folder, for depthwise.cc alone.
#pragma once

#include "common/kernels/depthwise/depthwise.h"

namespace fedqat::kernels {

extern const DepthwiseKernel kDepthwiseScalar;
extern const DepthwiseKernel kDepthwiseAvx2;
extern const DepthwiseKernel kDepthwiseAvx512;

}  // namespace fedqat::kernels
