// The kernels of the other files in this folder, for gradient.cc alone.
#pragma once

#include "common/kernels/gradient/gradient.h"

namespace fedqat::kernels {

extern const GradientKernels kGradientScalar;
extern const GradientKernels kGradientAvx2;
extern const GradientKernels kGradientAvx512;

}  // namespace fedqat::kernels
