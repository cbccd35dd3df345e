#include "common/kernels/qgemm_tn/qgemm_tn.h"

namespace fedqat::kernels {

void qgemm_tn_reference(const QgemmTnArgs& args) {
  const auto g = [&](int m, int c) {
    return std::int64_t{args.g[(m / 4) * args.ldg + 4 * c + m % 4]};
  };
  for (int c = 0; c < args.c; ++c) {
    std::int64_t gsum = 0;
    for (int m = 0; m < args.m; ++m) gsum += g(m, c);
    if (args.gsum != nullptr) {
      args.gsum[c] = static_cast<std::int32_t>(gsum + (args.accumulate ? args.gsum[c] : 0));
    }
    for (int k = 0; k < args.k; ++k) {
      std::int32_t& acc = args.acc[c * args.ldacc + k];
      std::int64_t sum = args.accumulate ? acc : 0;
      for (int m = 0; m < args.m; ++m) {
        sum += g(m, c) * (std::int64_t{args.x[m * args.ldx + k]} - args.x_zero);
      }
      acc = static_cast<std::int32_t>(sum);
    }
  }
}

}  // namespace fedqat::kernels
