#include <immintrin.h>

#include <utility>

#include "common/kernels/sgemm/sgemm_tables.h"

namespace fedqat::kernels {
namespace {

#include "common/kernels/sgemm/sgemm_each.inc"

struct Vec {
  static constexpr int kWidth = 8;
  struct Mask {
    __m256i lanes;
    int n;
  };
  __m256 v;
  static Mask first(int n) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return {_mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane), n};
  }
  static Vec zero() { return {_mm256_setzero_ps()}; }
  static Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static Vec load(const float* p, Mask m) { return {_mm256_maskload_ps(p, m.lanes)}; }
  static Vec broadcast(float x) { return {_mm256_set1_ps(x)}; }
  static Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
  static Vec add(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
  static Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
  void store(float* p) const { _mm256_storeu_ps(p, v); }
  void store(float* p, Mask m) const;
  static void transpose(Vec (&x)[kWidth]);
};

// In pieces: a masked store is slow where it is microcode.
void Vec::store(float* p, Mask m) const {
  if (m.n >= kWidth) return store(p);
  __m128 rest = _mm256_castps256_ps128(v);
  if (m.n & 4) {
    _mm_storeu_ps(p, rest);
    p += 4;
    rest = _mm256_extractf128_ps(v, 1);
  }
  if (m.n & 2) {
    _mm_storel_pi(reinterpret_cast<__m64*>(p), rest);
    p += 2;
    rest = _mm_movehl_ps(rest, rest);
  }
  if (m.n & 1) _mm_store_ss(p, rest);
}

// Blocks of 4 x 4 first, then the blocks.
inline void Vec::transpose(Vec (&x)[kWidth]) {
  __m256 y[kWidth];
  each<kWidth / 4>([&](auto block) {
    constexpr int i = 4 * block;
    const __m256d lo01 = _mm256_castps_pd(_mm256_unpacklo_ps(x[i].v, x[i + 1].v));
    const __m256d hi01 = _mm256_castps_pd(_mm256_unpackhi_ps(x[i].v, x[i + 1].v));
    const __m256d lo23 = _mm256_castps_pd(_mm256_unpacklo_ps(x[i + 2].v, x[i + 3].v));
    const __m256d hi23 = _mm256_castps_pd(_mm256_unpackhi_ps(x[i + 2].v, x[i + 3].v));
    y[i] = _mm256_castpd_ps(_mm256_unpacklo_pd(lo01, lo23));
    y[i + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(lo01, lo23));
    y[i + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(hi01, hi23));
    y[i + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(hi01, hi23));
  });
  each<4>([&](auto i) {
    x[i].v = _mm256_permute2f128_ps(y[i], y[i + 4], 0x20);
    x[i + 4].v = _mm256_permute2f128_ps(y[i], y[i + 4], 0x31);
  });
}

constexpr int kRows = 6;

#include "common/kernels/sgemm/sgemm_blocked.inc"

}  // namespace

const SgemmKernel kSgemmAvx2 = {"avx2", Isa::kAvx2, run};

}  // namespace fedqat::kernels
