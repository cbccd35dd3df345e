#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 of its own header (bug 105593)
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "common/kernels/gradient/gradient_tables.h"
#include "common/kernels/qgemm/qgemm.h"

namespace fedqat::kernels {
namespace {
using Words [[gnu::vector_size(64)]] = std::uint64_t;
constexpr int kStored = 2;

inline Words product(Words a, Words b) {
  return reinterpret_cast<Words>(
      _mm512_mul_epu32(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
}
inline void store_words(const Words v[kStored], std::uint8_t* out) {
  for (int i = 0; i < kStored; ++i) {
    const auto words = _mm512_cvtepi64_epi32(reinterpret_cast<__m512i>(v[i]));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 32 * i), words);
  }
}
#include "common/kernels/gradient/gradient_body.inc"
#include "common/kernels/gradient/random_lanes.inc"
}  // namespace

const GradientKernels kGradientAvx512 = {"avx512",     Isa::kAvx512Vnni, random_bytes, range,
                                         quantize,     split_digits,     scale_sums,   join_digits,
                                         weight_codes, weights};

}  // namespace fedqat::kernels
