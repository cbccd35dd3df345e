#include <immintrin.h>

#include "common/kernels/sgemm/sgemm_tables.h"

namespace fedqat::kernels {
namespace {

struct Vec {
  static constexpr int kWidth = 16;
  __m512 v;
  static Vec zero() { return {_mm512_setzero_ps()}; }
  static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Vec broadcast(float x) { return {_mm512_set1_ps(x)}; }
  static Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
};

constexpr int kRows = 12;

#include "common/kernels/sgemm/sgemm_blocked.inc"

}  // namespace

const SgemmKernel kSgemmAvx512 = {"avx512", Isa::kAvx512Vnni, run};

}  // namespace fedqat::kernels
