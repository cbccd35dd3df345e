#include <cmath>

#include "common/kernels/sgemm/sgemm_tables.h"

namespace fedqat::kernels {
namespace {

struct Vec {
  static constexpr int kWidth = 4;
  float v[4];
  static Vec zero() { return {}; }
  static Vec load(const float* p) { return {{p[0], p[1], p[2], p[3]}}; }
  static Vec broadcast(float x) { return {{x, x, x, x}}; }
  static Vec fma(const Vec& a, const Vec& b, const Vec& c) {
    Vec y;
    for (int i = 0; i < kWidth; ++i) y.v[i] = std::fma(a.v[i], b.v[i], c.v[i]);
    return y;
  }
  void store(float* p) const {
    for (int i = 0; i < kWidth; ++i) p[i] = v[i];
  }
};

constexpr int kRows = 2;

#include "common/kernels/sgemm/sgemm_blocked.inc"

}  // namespace

const SgemmKernel kSgemmScalar = {"scalar", Isa::kScalar, run};

}  // namespace fedqat::kernels
