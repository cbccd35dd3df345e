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
constexpr int kLanes = 16;
using Lanes = __m512;
using IntLanes [[gnu::vector_size(64)]] = std::int32_t;

inline Lanes clamp(Lanes t, Lanes low, Lanes high) {
  return _mm512_min_ps(_mm512_max_ps(t, low), high);
}
inline __mmask16 within(Lanes t, Lanes limit) {
  return _mm512_cmp_ps_mask(_mm512_abs_ps(t), limit, _CMP_LT_OQ);
}
inline Lanes ones_within(Lanes t, Lanes limit) {
  return _mm512_maskz_mov_ps(within(t, limit), _mm512_set1_ps(1));
}
inline Lanes keep_within(Lanes t, Lanes limit) { return _mm512_maskz_mov_ps(within(t, limit), t); }
#include "common/kernels/gradient/gradient_body.inc"
#include "common/kernels/gradient/random_lanes.inc"

void weight_codes(const float* w, int width, float scale, int q, std::int8_t* codes) {
  const auto limit = static_cast<float>(q);
  const __m512 low = _mm512_set1_ps(-limit), high = _mm512_set1_ps(limit);
  const auto shifted = [&](Lanes v) {  // codes in the lowest bytes
    return _mm512_castps_si512(clamp(v / _mm512_set1_ps(scale), low, high) + kRound);
  };
  // Bytes 4 i of two vectors.
  const auto pair = [](__m512i a, __m512i b) {
    const __m512i order =
        _mm512_set_epi16(62, 60, 58, 56, 54, 52, 50, 48, 46, 44, 42, 40, 38, 36, 34, 32, 30, 28, 26,
                         24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    return _mm512_cvtepi16_epi8(_mm512_permutex2var_epi16(a, order, b));
  };
  int j = 0;
  for (; j + 4 * kLanes <= width; j += 4 * kLanes) {
    __m512i v[4];
    for (int i = 0; i < 4; ++i) v[i] = shifted(_mm512_loadu_ps(w + j + i * kLanes));
    const __m512i first = _mm512_castsi256_si512(pair(v[0], v[1]));
    _mm512_storeu_si512(codes + j, _mm512_inserti64x4(first, pair(v[2], v[3]), 1));
  }
  for (; j < width; j += kLanes) {
    const auto valid = static_cast<__mmask16>(width - j < kLanes ? (1 << (width - j)) - 1 : 0xFFFF);
    const __m512i v = shifted(_mm512_maskz_loadu_ps(valid, w + j));
    _mm512_mask_cvtepi32_storeu_epi8(codes + j, valid, v);
  }
}

}  // namespace

const GradientKernels kGradientAvx512 = {"avx512",     Isa::kAvx512Vnni, random_bytes, range,
                                         quantize,     split_digits,     scale_sums,   join_digits,
                                         weight_codes, weights};

}  // namespace fedqat::kernels
