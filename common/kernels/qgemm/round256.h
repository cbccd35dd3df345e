// Rounding of accumulators to codes and residuals with 256-bit vectors.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "common/kernels/qgemm/qgemm.h"

namespace fedqat::kernels {
namespace {

// Positions -> 16 codes and residuals. Adding kRound leaves the rounded number in the low bits.
struct Rounder {
  static constexpr float kRound = 12582912.0F;  // 1.5 * 2^23

  explicit Rounder(const OutputGrid& grid)
      : low(_mm256_set1_ps(static_cast<float>(grid.low - grid.zero))),
        high(_mm256_set1_ps(static_cast<float>(grid.high - grid.zero))),
        zero(_mm256_set1_epi32(grid.zero - kRoundBits)) {}

  __m256 shifted(__m256 t) const {
    return _mm256_add_ps(_mm256_min_ps(_mm256_max_ps(t, low), high), _mm256_set1_ps(kRound));
  }
  __m256i code(__m256 shifted_t) const {
    return _mm256_add_epi32(_mm256_castps_si256(shifted_t), zero);
  }
  __m256i residual(__m256 t, __m256 shifted_t) const {
    const __m256 round = _mm256_set1_ps(kRound);
    const __m256 inside =
        _mm256_and_ps(_mm256_cmp_ps(t, low, _CMP_GT_OQ), _mm256_cmp_ps(t, high, _CMP_LT_OQ));
    const __m256 error = _mm256_sub_ps(_mm256_sub_ps(shifted_t, round), t);
    const __m256 steps = _mm256_add_ps(_mm256_mul_ps(error, _mm256_set1_ps(kResidualSteps)), round);
    const __m256i code =
        _mm256_sub_epi32(_mm256_castps_si256(steps), _mm256_set1_epi32(kRoundBits));
    return _mm256_blendv_epi8(_mm256_set1_epi32(kClipped), code, _mm256_castps_si256(inside));
  }

  static constexpr std::int32_t kRoundBits = 0x4B400000;  // of kRound
  __m256 low, high;
  __m256i zero;
};

// 16 s32 -> 16 s16, as two halves.
inline __m256i narrow(__m256i first, __m256i second) {
  return _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xD8);
}

inline void store_first(std::uint8_t* to, int count, __m128i bytes) {
  if (count == 16) return _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
  if (count & 8) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to), bytes);
    bytes = _mm_unpackhi_epi64(bytes, bytes);
    to += 8;
  }
  if (count & 4) {
    _mm_storeu_si32(to, bytes);
    bytes = _mm_srli_si128(bytes, 4);
    to += 4;
  }
  if (count & 2) {
    _mm_storeu_si16(to, bytes);
    bytes = _mm_srli_si128(bytes, 2);
    to += 2;
  }
  if (count & 1) *to = static_cast<std::uint8_t>(_mm_extract_epi8(bytes, 0));
}

// Rows i .., columns j .. j+count-1 of the outputs; acc [rows][16] and mult [16] may be read whole.
inline void round_rows(const QgemmArgs& g, int i, int rows, int j, int count, const float* mult,
                       const std::int32_t* acc, std::ptrdiff_t ldacc) {
  const Rounder rounder(g.grid);
  const __m256 mult0 = _mm256_loadu_ps(mult), mult1 = _mm256_loadu_ps(mult + 8);
  for (int r = 0; r < rows; ++r, acc += ldacc) {
    const auto position = [&](int c, __m256 m) {
      const auto* from = reinterpret_cast<const __m256i*>(acc + c);
      return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_loadu_si256(from)), m);
    };
    const __m256 t0 = position(0, mult0), t1 = position(8, mult1);
    const __m256 s0 = rounder.shifted(t0), s1 = rounder.shifted(t1);
    const __m256i y = narrow(rounder.code(s0), rounder.code(s1));
    store_first(g.y + (i + r) * g.ldy + j, count,
                _mm_packus_epi16(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1)));
    if (g.residual == nullptr) continue;
    const __m256i e = narrow(rounder.residual(t0, s0), rounder.residual(t1, s1));
    store_first(reinterpret_cast<std::uint8_t*>(g.residual) + (i + r) * g.ldresidual + j, count,
                _mm_packs_epi16(_mm256_castsi256_si128(e), _mm256_extracti128_si256(e, 1)));
  }
}

}  // namespace
}  // namespace fedqat::kernels
