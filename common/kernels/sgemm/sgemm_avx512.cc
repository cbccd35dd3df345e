#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 of its own header (bug 105593)
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include <utility>

#include "common/kernels/sgemm/sgemm_tables.h"

namespace fedqat::kernels {
namespace {

#include "common/kernels/sgemm/sgemm_each.inc"

struct Vec {
  static constexpr int kWidth = 16;
  using Mask = __mmask16;
  __m512 v;
  static Mask first(int n) { return static_cast<Mask>((1U << n) - 1); }
  static Vec zero() { return {_mm512_setzero_ps()}; }
  static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Vec load(const float* p, Mask m) { return {_mm512_maskz_loadu_ps(m, p)}; }
  static Vec broadcast(float x) { return {_mm512_set1_ps(x)}; }
  static Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  static Vec add(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
  static Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  void store(float* p, Mask m) const { _mm512_mask_storeu_ps(p, m, v); }
  static void transpose(Vec (&x)[kWidth]);
};

// Blocks of 4 x 4 first, then the blocks.
inline void Vec::transpose(Vec (&x)[kWidth]) {
  __m512 y[kWidth];
  each<kWidth / 4>([&](auto block) {
    constexpr int i = 4 * block;
    const __m512d lo01 = _mm512_castps_pd(_mm512_unpacklo_ps(x[i].v, x[i + 1].v));
    const __m512d hi01 = _mm512_castps_pd(_mm512_unpackhi_ps(x[i].v, x[i + 1].v));
    const __m512d lo23 = _mm512_castps_pd(_mm512_unpacklo_ps(x[i + 2].v, x[i + 3].v));
    const __m512d hi23 = _mm512_castps_pd(_mm512_unpackhi_ps(x[i + 2].v, x[i + 3].v));
    y[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(lo01, lo23));
    y[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(lo01, lo23));
    y[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(hi01, hi23));
    y[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(hi01, hi23));
  });
  each<4>([&](auto i) {
    const __m512 even0 = _mm512_shuffle_f32x4(y[i], y[i + 4], 0x88);
    const __m512 odd0 = _mm512_shuffle_f32x4(y[i], y[i + 4], 0xdd);
    const __m512 even1 = _mm512_shuffle_f32x4(y[i + 8], y[i + 12], 0x88);
    const __m512 odd1 = _mm512_shuffle_f32x4(y[i + 8], y[i + 12], 0xdd);
    x[i].v = _mm512_shuffle_f32x4(even0, even1, 0x88);
    x[i + 4].v = _mm512_shuffle_f32x4(odd0, odd1, 0x88);
    x[i + 8].v = _mm512_shuffle_f32x4(even0, even1, 0xdd);
    x[i + 12].v = _mm512_shuffle_f32x4(odd0, odd1, 0xdd);
  });
}

constexpr int kRows = 12;

#include "common/kernels/sgemm/sgemm_blocked.inc"

}  // namespace

const SgemmKernel kSgemmAvx512 = {"avx512", Isa::kAvx512Vnni, run};

}  // namespace fedqat::kernels
