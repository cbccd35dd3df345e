#include <algorithm>

#include "common/kernels/qgemm/row_tiles.h"
#include "common/kernels/qgemm/unit_neon.h"
#include "common/kernels/qgemm_tn/qgemm_tn_tables.h"

namespace fedqat::kernels {
namespace {
#include "common/kernels/qgemm_tn/qgemm_tn_neon.inc"
// Not to be sorted: each part uses the one before.
#include "common/kernels/qgemm_tn/qgemm_tn_blocks.inc"
}  // namespace

const QgemmTnKernel kQgemmTnNeon = {"neon", Isa::kNeon, run};

}  // namespace fedqat::kernels
