#include <algorithm>

#include "common/kernels/qgemm/qgemm_round.h"
#include "common/kernels/qgemm/qgemm_tables.h"
#include "common/kernels/qgemm/row_tiles.h"
#include "common/kernels/qgemm/unit_neondot.h"

namespace fedqat::kernels {
namespace {
#include "common/kernels/qgemm/qgemm_blocks.inc"
// Not to be sorted: each part uses the one before.
#include "common/kernels/qgemm/qgemm_neon.inc"
}  // namespace

const QgemmKernel kQgemmNeonDot = {"neondot", Isa::kNeonDot,   packed_bytes,
                                   pack,      pack_transposed, run};

}  // namespace fedqat::kernels
