#include <algorithm>

#include "common/kernels/qgemm/row_tiles.h"
#include "common/kernels/qgemm/unit_neondot.h"
#include "common/kernels/qgemm_tn/qgemm_tn_tables.h"

namespace fedqat::kernels {
namespace {
#include "common/kernels/qgemm_tn/qgemm_tn_neon.inc"
// Not to be sorted: each part uses the one before.
#include "common/kernels/qgemm_tn/qgemm_tn_blocks.inc"
}  // namespace

const QgemmTnKernel kQgemmTnNeonDot = {"neondot", Isa::kNeonDot, run};

}  // namespace fedqat::kernels
