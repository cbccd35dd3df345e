#include "common/kernels/qgemm/unit_avxvnni.h"

#include "common/kernels/qgemm/qgemm256_body.h"
#include "common/kernels/qgemm/qgemm_tables.h"

namespace fedqat::kernels {

const QgemmKernel kQgemmAvxVnni = {"avxvnni", Isa::kAvxVnni, packed_bytes, pack, pack_transposed, run};

}  // namespace fedqat::kernels
