// The kernels of the other files in this folder, for qgemm.cc alone.
#pragma once

#include "common/kernels/qgemm/qgemm.h"

namespace fedqat::kernels {

extern const QgemmKernel kQgemmScalar;
extern const QgemmKernel kQgemmNeon;
extern const QgemmKernel kQgemmNeonDot;
extern const QgemmKernel kQgemmAvx2;
extern const QgemmKernel kQgemmAvxVnni;
extern const QgemmKernel kQgemmAvx512Vnni;

}  // namespace fedqat::kernels
