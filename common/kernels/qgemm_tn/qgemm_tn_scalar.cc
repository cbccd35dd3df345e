#include <algorithm>

#include "common/kernels/qgemm_tn/qgemm_tn_tables.h"

namespace fedqat::kernels {
namespace {

// Row by row of acc, so that the inner loop runs along x and acc.
void run(const QgemmTnArgs& args) {
  const int quads = (args.m + 3) / 4;
  for (int c = 0; c < args.c; ++c) {
    std::int32_t* acc = args.acc + c * args.ldacc;
    if (!args.accumulate) std::fill_n(acc, args.k, 0);
    std::int32_t sum = 0;
    for (int q = 0; q < quads; ++q) {
      const std::int8_t* g = args.g + q * args.ldg + 4 * c;
      const int rows = std::min(4, args.m - 4 * q);
      for (int r = 0; r < rows; ++r) {
        const std::uint8_t* x = args.x + (4 * q + r) * args.ldx;
        for (int k = 0; k < args.k; ++k) acc[k] += g[r] * (x[k] - args.x_zero);
        sum += g[r];
      }
    }
    if (args.gsum != nullptr) args.gsum[c] = (args.accumulate ? args.gsum[c] : 0) + sum;
  }
}

}  // namespace

const QgemmTnKernel kQgemmTnScalar = {"scalar", Isa::kScalar, run};

}  // namespace fedqat::kernels
