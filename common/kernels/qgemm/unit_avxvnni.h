// vpdpbusd in its 256-bit form for processors without AVX-512: four u8 by four s8, exact in s32.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace fedqat::kernels {
namespace {

constexpr int kStep = 4;
using Code = std::int8_t;
constexpr bool kConvertRows = false;
constexpr int kShift = 0;  // taken from unsigned codes

// By order, for what GCC 12 makes of the intrinsic spills sums.
inline void dot(__m256i& sum, __m256i row, __m256i col) {
  asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(row), "x"(col));
}
inline void dot_signed(__m256i& sum, __m256i row, __m256i col) { dot(sum, col, row); }

inline __m256i load_codes(const void* b) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(b));
}
// sum + the codes of each column.
inline __m256i add_columns(__m256i sum, __m256i v) {
  return _mm256_dpbusd_avx_epi32(sum, _mm256_set1_epi8(1), v);
}

inline void convert_row(const std::uint8_t*, int, Code*, int) {}  // rows stay where they are

// kStep rows of a vector of codes -> that many vectors: the steps of columns 0 .. 7, and the next.
inline void interleave(const __m256i row[kStep], __m256i out[kStep]) {
  // Dword 2 v + l to lane l, so that unpacking within lanes leaves the columns in order.
  const __m256i order = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
  __m256i r[4];
  for (int i = 0; i < 4; ++i) r[i] = _mm256_permutevar8x32_epi32(row[i], order);
  const __m256i low01 = _mm256_unpacklo_epi8(r[0], r[1]);
  const __m256i low23 = _mm256_unpacklo_epi8(r[2], r[3]);
  const __m256i high01 = _mm256_unpackhi_epi8(r[0], r[1]);
  const __m256i high23 = _mm256_unpackhi_epi8(r[2], r[3]);
  out[0] = _mm256_unpacklo_epi16(low01, low23);
  out[1] = _mm256_unpackhi_epi16(low01, low23);
  out[2] = _mm256_unpacklo_epi16(high01, high23);
  out[3] = _mm256_unpackhi_epi16(high01, high23);
}

#include "common/kernels/qgemm/tile256.inc"

}  // namespace
}  // namespace fedqat::kernels
