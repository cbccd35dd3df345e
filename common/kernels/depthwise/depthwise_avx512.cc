#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 of its own header (bug 105593)
#endif
#include <immintrin.h>

#include <utility>

#include "common/kernels/depthwise/columns512.h"
#include "common/kernels/depthwise/depthwise_tables.h"
#include "common/kernels/depthwise/depthwise_taps.h"

namespace fedqat::kernels {
namespace {

struct Vec {
  static constexpr int kWidth = 16;
  __m512 v;
  static Vec zero() { return {_mm512_setzero_ps()}; }
  static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Vec codes(const std::uint8_t* p, std::int32_t zero) {
    const __m512i x = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return {_mm512_cvtepi32_ps(_mm512_sub_epi32(x, _mm512_set1_epi32(zero)))};
  }
  static Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
};

#include "common/kernels/sgemm/sgemm_each.inc"
// Around Vec:
#include "common/kernels/depthwise/depthwise_real.inc"

// x of two taps in 16 bits each, interleaved by channel.
__m512i pair_of(const std::uint8_t* even, const std::uint8_t* odd) {
  const auto load = [](const std::uint8_t* p) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  };
  return _mm512_or_si512(load(even), _mm512_slli_epi32(load(odd), 16));
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
      __m512i acc = _mm512_loadu_si512(a.start + c);
      for (int p = 0; p < pairs; ++p, w += kDepthwiseLanes * 2) {
        acc = _mm512_dpwssd_epi32(acc, pair_of(rows[2 * p] + c, rows[2 * p + 1] + c),
                                  _mm512_loadu_si512(w));
      }
      _mm512_storeu_si512(a.acc + out + c, acc);
    }
  });
}

void forward_codes(const DepthwiseCodes& a) {
  if (a.window.kh == 3 && a.window.kw == 3) return forward_sized<3>(a);
  forward_sized<0>(a);
}

}  // namespace

const DepthwiseKernel kDepthwiseAvx512 = {"avx512",       Isa::kAvx512Vnni, forward_codes,
                                          forward_real,   weight_gradient,  input_gradient,
                                          forward_columns};

}  // namespace fedqat::kernels
