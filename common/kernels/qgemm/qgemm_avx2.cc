#include <algorithm>

#include "common/kernels/qgemm/qgemm_tables.h"
#include "common/kernels/qgemm/round256.h"
#include "common/kernels/qgemm/row_tiles.h"
#include "common/kernels/qgemm/unit_avx2.h"

namespace fedqat::kernels {
namespace {
#include "common/kernels/qgemm/qgemm_blocks.inc"
// Not to be sorted: each part uses the one before.
#include "common/kernels/qgemm/qgemm256.inc"
}  // namespace

const QgemmKernel kQgemmAvx2 = {"avx2", Isa::kAvx2, packed_bytes, pack, pack_transposed, run};

}  // namespace fedqat::kernels
