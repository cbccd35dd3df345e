#include <immintrin.h>

#include "common/kernels/sgemm/sgemm_tables.h"

namespace fedqat::kernels {
namespace {

struct Vec {
  static constexpr int kWidth = 8;
  __m256 v;
  static Vec zero() { return {_mm256_setzero_ps()}; }
  static Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static Vec broadcast(float x) { return {_mm256_set1_ps(x)}; }
  static Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
  void store(float* p) const { _mm256_storeu_ps(p, v); }
};

constexpr int kRows = 6;

#include "common/kernels/sgemm/sgemm_blocked.inc"

}  // namespace

const SgemmKernel kSgemmAvx2 = {"avx2", Isa::kAvx2, run};

}  // namespace fedqat::kernels
