#include <cmath>
#include <utility>

#include "common/kernels/sgemm/sgemm_tables.h"

namespace fedqat::kernels {
namespace {

#include "common/kernels/sgemm/sgemm_each.inc"

struct Vec {
  static constexpr int kWidth = 4;
  using Mask = int;
  float v[4];
  static Mask first(int n) { return n; }
  static Vec zero() { return {}; }
  static Vec load(const float* p) { return {{p[0], p[1], p[2], p[3]}}; }
  static Vec load(const float* p, Mask n) {
    Vec y{};
    for (int i = 0; i < kWidth; ++i) y.v[i] = i < n ? p[i] : 0.0F;
    return y;
  }
  static Vec broadcast(float x) { return {{x, x, x, x}}; }
  static Vec fma(const Vec& a, const Vec& b, const Vec& c) {
    Vec y;
    for (int i = 0; i < kWidth; ++i) y.v[i] = std::fma(a.v[i], b.v[i], c.v[i]);
    return y;
  }
  static Vec add(const Vec& a, const Vec& b) {
    Vec y;
    for (int i = 0; i < kWidth; ++i) y.v[i] = a.v[i] + b.v[i];
    return y;
  }
  static Vec max(const Vec& a, const Vec& b) {
    Vec y;
    for (int i = 0; i < kWidth; ++i) y.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i];
    return y;
  }
  void store(float* p) const {
    for (int i = 0; i < kWidth; ++i) p[i] = v[i];
  }
  void store(float* p, Mask n) const {
    for (int i = 0; i < kWidth && i < n; ++i) p[i] = v[i];
  }
  static void transpose(Vec (&x)[kWidth]) {
    for (int i = 0; i < kWidth; ++i) {
      for (int j = 0; j < i; ++j) std::swap(x[i].v[j], x[j].v[i]);
    }
  }
};

constexpr int kRows = 2;

#include "common/kernels/sgemm/sgemm_blocked.inc"

}  // namespace

const SgemmKernel kSgemmScalar = {"scalar", Isa::kScalar, run};

}  // namespace fedqat::kernels
