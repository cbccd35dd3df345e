#include "common/kernels/qgemm/qgemm256_body.h"
#include "common/kernels/qgemm/qgemm_tables.h"
#include "common/kernels/qgemm/unit_avx2.h"

namespace fedqat::kernels {

const QgemmKernel kQgemmAvx2 = {"avx2", Isa::kAvx2, packed_bytes, pack, pack_transposed, run};

}  // namespace fedqat::kernels
