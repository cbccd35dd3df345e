#include <algorithm>

#include "common/kernels/qgemm/row_tiles.h"
#include "common/kernels/qgemm/unit_avxvnni.h"
#include "common/kernels/qgemm_tn/qgemm_tn_tables.h"

namespace fedqat::kernels {
namespace {
#include "common/kernels/qgemm_tn/qgemm_tn256.inc"
// Not to be sorted: each part uses the one before.
#include "common/kernels/qgemm_tn/qgemm_tn_blocks.inc"
}  // namespace

const QgemmTnKernel kQgemmTnAvxVnni = {"avxvnni", Isa::kAvxVnni, run};

}  // namespace fedqat::kernels
