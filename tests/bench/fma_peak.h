// The most a core can do with the fp32 multiply-add of an instruction set.
#pragma once

#include <limits>

#include "common/base/isa.h"
#include "common/kernels/multiply_peak.h"

namespace fedqat {

// As multiply_peak(): chains of independent instructions, or an infinite peak.
inline MultiplyPeak fma_peak(Isa isa) {
#if defined(__x86_64__)
  constexpr long kLoops = 20000;
#define FEDQAT_FMA(width, r) "vfmadd231ps %%" width "15, %%" width "14, %%" width r "\n\t"
#define FEDQAT_TEN(w) \
  FEDQAT_FMA(w, "0")  \
  FEDQAT_FMA(w, "1")  \
  FEDQAT_FMA(w, "2")  \
  FEDQAT_FMA(w, "3")  \
  FEDQAT_FMA(w, "4")  \
  FEDQAT_FMA(w, "5") FEDQAT_FMA(w, "6") FEDQAT_FMA(w, "7") FEDQAT_FMA(w, "8") FEDQAT_FMA(w, "9")
#define FEDQAT_CLOBBERS                                                                    \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
      "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory"
  // Zero times zero: what the registers hold must not be slow numbers.
#define FEDQAT_ZERO "vxorps %%xmm14, %%xmm14, %%xmm14\n\tvxorps %%xmm15, %%xmm15, %%xmm15\n\t"
  switch (isa) {
    case Isa::kAvx512Vnni:
      return {kLoops * 10 * 32.0, [] {
                asm volatile(FEDQAT_ZERO::: FEDQAT_CLOBBERS);
                for (long i = 0; i < kLoops; ++i)
                  asm volatile(FEDQAT_TEN("zmm")::: FEDQAT_CLOBBERS);
                asm volatile("vzeroupper");
              }};
    case Isa::kAvx2:
      return {kLoops * 10 * 16.0, [] {
                asm volatile(FEDQAT_ZERO::: FEDQAT_CLOBBERS);
                for (long i = 0; i < kLoops; ++i)
                  asm volatile(FEDQAT_TEN("ymm")::: FEDQAT_CLOBBERS);
                asm volatile("vzeroupper");
              }};
    default:
      break;
  }
#undef FEDQAT_FMA
#undef FEDQAT_TEN
#undef FEDQAT_CLOBBERS
#undef FEDQAT_ZERO
#endif
  (void)isa;
  return {std::numeric_limits<double>::infinity(), [] {}};
}

}  // namespace fedqat
