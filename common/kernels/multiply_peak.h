// The most a core can do with the multiply instructions of an instruction set's kernels.
#pragma once

#include <algorithm>
#include <limits>

#include "common/base/isa.h"

namespace fedqat {

// run() does `operations` multiplications and additions, all in registers.
struct MultiplyPeak {
  double operations;
  void (*run)();
};

// u8 x s8 -> s32, as qgemm does it. Chains of independent instructions, enough of them to hide
// their latency. What has no such instruction, or is another processor, gets no time and an
// infinite peak.
inline MultiplyPeak multiply_peak(Isa isa) {
#if defined(__x86_64__)
  constexpr long kLoops = 20000;
#define FEDQAT_EACH(X) X("0") X("1") X("2") X("3") X("4") X("5") X("6") X("7") X("8") X("9")
#define FEDQAT_CLOBBERS                                                                    \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
      "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory"
#define FEDQAT_ZMM(r) "vpdpbusd %%zmm15, %%zmm14, %%zmm" r "\n\t"
#define FEDQAT_YMM(r) "%{vex%} vpdpbusd %%ymm15, %%ymm14, %%ymm" r "\n\t"
#define FEDQAT_ADD(r)                   \
  "vpmaddwd %%ymm15, %%ymm14, %%ymm1" r \
  "\n\t"                                \
  "vpaddd %%ymm1" r ", %%ymm" r ", %%ymm" r "\n\t"
  switch (isa) {
    case Isa::kAvx512Vnni:
      return {kLoops * 10 * 128.0, [] {
                for (long i = 0; i < kLoops; ++i) {
                  asm volatile(FEDQAT_EACH(FEDQAT_ZMM)::: FEDQAT_CLOBBERS);
                }
                asm volatile("vzeroupper");
              }};
    case Isa::kAvxVnni:
      return {kLoops * 10 * 64.0, [] {
                for (long i = 0; i < kLoops; ++i) {
                  asm volatile(FEDQAT_EACH(FEDQAT_YMM)::: FEDQAT_CLOBBERS);
                }
                asm volatile("vzeroupper");
              }};
    case Isa::kAvx2:
      return {kLoops * 8 * 32.0, [] {
                for (long i = 0; i < kLoops; ++i) {
                  asm volatile(FEDQAT_ADD("0") FEDQAT_ADD("1") FEDQAT_ADD("2") FEDQAT_ADD("3")
                                   FEDQAT_ADD("0") FEDQAT_ADD("1") FEDQAT_ADD("2") FEDQAT_ADD("3")::
                                       : FEDQAT_CLOBBERS);
                }
                asm volatile("vzeroupper");
              }};
    default:
      break;
  }
#undef FEDQAT_ZMM
#undef FEDQAT_YMM
#undef FEDQAT_ADD
#endif
  (void)isa;
  return {std::numeric_limits<double>::infinity(), [] {}};
}

// The same in fp32, as sgemm does it.
inline MultiplyPeak float_multiply_peak(Isa isa) {
#if defined(__x86_64__)
  constexpr long kLoops = 20000;
#define FEDQAT_ZMM(r) "vfmadd231ps %%zmm15, %%zmm14, %%zmm" r "\n\t"
#define FEDQAT_YMM(r) "vfmadd231ps %%ymm15, %%ymm14, %%ymm" r "\n\t"
  // Finite operands: what is in the registers may be slow to multiply.
#define FEDQAT_ZERO "vpxor %%xmm14, %%xmm14, %%xmm14\n\tvpxor %%xmm15, %%xmm15, %%xmm15\n\t"
#define FEDQAT_CLEAR(r) "vpxor %%xmm" r ", %%xmm" r ", %%xmm" r "\n\t"
  switch (isa) {
    case Isa::kAvx512Vnni:
      return {kLoops * 10 * 32.0, [] {
                asm volatile(FEDQAT_ZERO FEDQAT_EACH(FEDQAT_CLEAR)::: FEDQAT_CLOBBERS);
                for (long i = 0; i < kLoops; ++i) {
                  asm volatile(FEDQAT_EACH(FEDQAT_ZMM)::: FEDQAT_CLOBBERS);
                }
                asm volatile("vzeroupper");
              }};
    case Isa::kAvxVnni:
    case Isa::kAvx2:
      return {kLoops * 10 * 16.0, [] {
                asm volatile(FEDQAT_ZERO FEDQAT_EACH(FEDQAT_CLEAR)::: FEDQAT_CLOBBERS);
                for (long i = 0; i < kLoops; ++i) {
                  asm volatile(FEDQAT_EACH(FEDQAT_YMM)::: FEDQAT_CLOBBERS);
                }
                asm volatile("vzeroupper");
              }};
    default:
      break;
  }
#undef FEDQAT_EACH
#undef FEDQAT_CLOBBERS
#undef FEDQAT_ZMM
#undef FEDQAT_YMM
#undef FEDQAT_ZERO
#undef FEDQAT_CLEAR
#endif
  (void)isa;
  return {std::numeric_limits<double>::infinity(), [] {}};
}

// Operations a second, the best of some runs: other programs only ever slow it down. Infinite
// where the peak is. `seconds` is a clock.
inline double measured_peak(const MultiplyPeak& peak, double (*seconds)()) {
  constexpr int kRuns = 200;
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kRuns; ++i) {
    const double start = seconds();
    peak.run();
    best = std::min(best, seconds() - start);
  }
  return peak.operations / best;
}

}  // namespace fedqat
