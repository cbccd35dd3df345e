// The kernels of the other files in this folder, for qgemm_tn.cc alone.
#pragma once

#include "common/kernels/qgemm_tn/qgemm_tn.h"

namespace fedqat::kernels {

extern const QgemmTnKernel kQgemmTnScalar;
extern const QgemmTnKernel kQgemmTnNeon;
extern const QgemmTnKernel kQgemmTnNeonDot;
extern const QgemmTnKernel kQgemmTnAvx2;
extern const QgemmTnKernel kQgemmTnAvxVnni;
extern const QgemmTnKernel kQgemmTnAvx512Vnni;

}  // namespace fedqat::kernels
