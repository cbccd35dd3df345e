#include "common/base/exact_math_avx2.h"

#include <immintrin.h>

namespace fedqat {
namespace {

constexpr int kVectors = kExpBlock / 4;  // their chains run side by side

// a / i, rounded as the instruction rounds it, in a third of its time: the remainder of the
// quotient by 1 / i is exact, and corrects it to less than 2^-52 units in the last place of a / i.
// That rounds the same, for no a / i of a small i lies so near the middle of two numbers, or on it.
inline __m256d divide(__m256d a, int i) {
  const __m256d inverse = _mm256_set1_pd(1.0 / i);
  const __m256d q = _mm256_mul_pd(a, inverse);
  const __m256d rest = _mm256_fnmadd_pd(_mm256_set1_pd(i), q, a);
  return _mm256_fmadd_pd(rest, inverse, q);
}

}  // namespace

void exact_exp2_avx2(double* v) {
  const __m256d ln2 = _mm256_set1_pd(0.69314718055994530942), one = _mm256_set1_pd(1);
  __m256d t[kVectors], sum[kVectors], power[kVectors];
#pragma GCC unroll 4
  for (int k = 0; k < kVectors; ++k) {
    const __m256d x = _mm256_loadu_pd(v + 4 * k);
    const __m256d whole = _mm256_floor_pd(_mm256_add_pd(x, _mm256_set1_pd(0.5)));
    t[k] = _mm256_mul_pd(_mm256_sub_pd(x, whole), ln2);
    sum[k] = one;
    // whole + 1023, the exponent of 2^whole, stands in the low bits of this sum.
    const __m256d biased = _mm256_add_pd(whole, _mm256_set1_pd(0x1.8p52 + 1023));
    power[k] = _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(biased), 52));
  }
#pragma GCC unroll 14
  for (int i = 14; i >= 1; --i) {
#pragma GCC unroll 4
    for (int k = 0; k < kVectors; ++k) {
      const __m256d product = _mm256_mul_pd(sum[k], t[k]);
      sum[k] = _mm256_add_pd(one, i > 1 ? divide(product, i) : product);
    }
  }
#pragma GCC unroll 4
  for (int k = 0; k < kVectors; ++k) _mm256_storeu_pd(v + 4 * k, _mm256_mul_pd(sum[k], power[k]));
}

}  // namespace fedqat
