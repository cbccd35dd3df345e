#include <immintrin.h>

#include <utility>

#include "common/kernels/depthwise/depthwise_tables.h"
#include "common/kernels/depthwise/depthwise_taps.h"

namespace fedqat::kernels {
namespace {

struct Vec {
  static constexpr int kWidth = 8;
  __m256 v;
  static Vec zero() { return {_mm256_setzero_ps()}; }
  static Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static Vec codes(const std::uint8_t* p, std::int32_t zero) {
    const __m256i x = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
    return {_mm256_cvtepi32_ps(_mm256_sub_epi32(x, _mm256_set1_epi32(zero)))};
  }
  static Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
  void store(float* p) const { _mm256_storeu_ps(p, v); }
};

#include "common/kernels/sgemm/sgemm_each.inc"
// Around Vec:
#include "common/kernels/depthwise/depthwise_real.inc"

__m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

// 8 channels: x of two taps, interleaved, in 16 bits each, times their weights.
__m256i add_pair(__m256i acc, __m128i x, const std::int16_t* w) {
  return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_cvtepu8_epi16(x), load(w)));
}

template <int kSide>
void forward_sized(const DepthwiseCodes& a) {
  const Window& g = a.window;
  const int pairs = kSide > 0 ? (kSide * kSide + 1) / 2 : (g.kh * g.kw + 1) / 2;
  const std::uint8_t* rows[kMaxTaps + 1];
  for_pixels(g, [&](std::ptrdiff_t out, const InsideTaps& in) {
    code_rows<kSide>(a, in, rows);
    for (int c = 0; c < g.c; c += kDepthwiseLanes) {
      const std::int16_t* w = a.w + std::ptrdiff_t{c} * pairs * 2;
      __m256i low = load(a.start + c), high = load(a.start + c + 8);
      for (int p = 0; p < pairs; ++p, w += kDepthwiseLanes * 2) {
        const auto even = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[2 * p] + c));
        const auto odd = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[2 * p + 1] + c));
        low = add_pair(low, _mm_unpacklo_epi8(even, odd), w);
        high = add_pair(high, _mm_unpackhi_epi8(even, odd), w + kDepthwiseLanes);
      }
      auto* acc = reinterpret_cast<__m256i*>(a.acc + out + c);
      _mm256_storeu_si256(acc, low);
      _mm256_storeu_si256(acc + 1, high);
    }
  });
}

void forward_codes(const DepthwiseCodes& a) {
  if (a.window.kh == 3 && a.window.kw == 3) return forward_sized<3>(a);
  forward_sized<0>(a);
}

}  // namespace

const DepthwiseKernel kDepthwiseAvx2 = {"avx2",       Isa::kAvx2,      forward_codes,
                                        forward_real, weight_gradient, input_gradient};

}  // namespace fedqat::kernels
