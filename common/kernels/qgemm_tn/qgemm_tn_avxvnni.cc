#include "common/kernels/qgemm/unit_avxvnni.h"

#include "common/kernels/qgemm_tn/qgemm_tn256_body.h"
#include "common/kernels/qgemm_tn/qgemm_tn_tables.h"

namespace fedqat::kernels {

const QgemmTnKernel kQgemmTnAvxVnni = {"avxvnni", Isa::kAvxVnni, run};

}  // namespace fedqat::kernels
