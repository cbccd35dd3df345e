// AVX2 has no exact product of bytes: vpmaddubsw saturates (255 * 127 * 2 > 2^15). Codes are
// widened to s16, where the pair sums of vpmaddwd cannot overflow.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace fedqat::kernels {
namespace {

constexpr int kStep = 2;
using Code = std::int16_t;
constexpr bool kConvertRows = true;
constexpr int kShift = 0;  // taken from unsigned codes

inline void dot(__m256i& sum, __m256i row, __m256i col) {
  sum = _mm256_add_epi32(sum, _mm256_madd_epi16(row, col));
}
inline void dot_signed(__m256i& sum, __m256i row, __m256i col) { dot(sum, row, col); }

inline __m256i load_codes(const std::int8_t* b) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b)));
}
inline __m256i load_codes(const std::uint8_t* b) {
  return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b)));
}
// sum + the codes of each column.
inline __m256i add_columns(__m256i sum, __m256i v) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_set1_epi16(1), v));
}

// A row's codes and zeros up to `stride`, which is less than kStep more. The last vector may begin
// within the one before.
inline void convert_row(const std::uint8_t* a, int depth, Code* to, int stride) {
  const auto vector = [&](int p) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + p), load_codes(a + p));
  };
  const auto half = [&](int p) {
    const __m128i codes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(a + p));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + p), _mm_cvtepu8_epi16(codes));
  };
  if (depth >= 16) {
    for (int p = 0; p + 16 <= depth; p += 16) vector(p);
    vector(depth - 16);
  } else if (depth >= 8) {
    half(0);
    half(depth - 8);
  } else {
    for (int p = 0; p < depth; ++p) to[p] = a[p];
  }
  if (stride > depth) to[depth] = 0;
}

// kStep rows of a vector of codes -> that many vectors: the steps of columns 0 .. 7, and the next.
inline void interleave(const __m256i row[kStep], __m256i out[kStep]) {
  const __m256i low = _mm256_unpacklo_epi16(row[0], row[1]);
  const __m256i high = _mm256_unpackhi_epi16(row[0], row[1]);
  out[0] = _mm256_permute2x128_si256(low, high, 0x20);
  out[1] = _mm256_permute2x128_si256(low, high, 0x31);
}

#include "common/kernels/qgemm/tile256.inc"

}  // namespace
}  // namespace fedqat::kernels
