#include "common/base/exact_math.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "common/base/check.h"
#include "common/base/exact_math_avx2.h"
#include "common/base/isa.h"

namespace fedqat {
namespace {

constexpr double kLn2 = 0.69314718055994530942;
constexpr double kLog2E = 1.4426950408889634074;
constexpr double kPlain = 1000;  // below it 2^whole is a normal number

// kExpBlock values within +-kPlain, their chains side by side.
void exp2_block(double* v) {
#ifdef FEDQAT_HAVE_AVX2
  static const bool in_vectors = cpu_has(Isa::kAvx2);
  if (in_vectors) return exact_exp2_avx2(v);
#endif
  double t[kExpBlock], sum[kExpBlock], power[kExpBlock];
  for (int k = 0; k < kExpBlock; ++k) {
    auto down = static_cast<std::int64_t>(v[k] + 0.5);
    if (static_cast<double>(down) > v[k] + 0.5) --down;
    t[k] = (v[k] - static_cast<double>(down)) * kLn2;
    sum[k] = 1;
    power[k] = std::bit_cast<double>((down + 1023) << 52);
  }
  for (int i = 14; i >= 1; --i) {
    for (int k = 0; k < kExpBlock; ++k) sum[k] = 1 + sum[k] * t[k] / i;
  }
  for (int k = 0; k < kExpBlock; ++k) v[k] = sum[k] * power[k];
}

}  // namespace

double exact_exp2(double x) {
  if (x >= 1024) return std::numeric_limits<double>::infinity();
  if (!(x >= -1022)) return x < -1022 ? 0 : x;  // NaN stays NaN
  const double whole = std::floor(x + 0.5);
  const double t = (x - whole) * kLn2;  // |t| <= 0.347, so t^15/15! < 1.1e-19
  double sum = 1;
  for (int i = 14; i >= 1; --i) sum = 1 + sum * t / i;
  return std::ldexp(sum, static_cast<int>(whole));
}

void exact_exp2(std::span<const double> x, double* y) {
  for (std::size_t at = 0; at < x.size(); at += kExpBlock) {
    const std::size_t n = std::min<std::size_t>(kExpBlock, x.size() - at);
    double v[kExpBlock] = {};
    bool plain = true;
    for (std::size_t k = 0; k < n; ++k) {
      v[k] = x[at + k];
      plain &= v[k] > -kPlain && v[k] < kPlain;
    }
    if (plain) {
      exp2_block(v);
    } else {
      for (std::size_t k = 0; k < n; ++k) v[k] = exact_exp2(v[k]);
    }
    std::copy_n(v, n, y + at);
  }
}

void exact_exp2(std::span<const float> x, float* y) {
  for (std::size_t at = 0; at < x.size(); at += kExpBlock) {
    const std::size_t n = std::min<std::size_t>(kExpBlock, x.size() - at);
    double v[kExpBlock];
    for (std::size_t k = 0; k < n; ++k) v[k] = static_cast<double>(x[at + k]);
    exact_exp2(std::span(v, n), v);
    for (std::size_t k = 0; k < n; ++k) y[at + k] = static_cast<float>(v[k]);
  }
}

double exact_log2(double x) {
  FEDQAT_DCHECK(x > 0);
  int exponent = 0;
  double m = std::frexp(x, &exponent);  // [0.5, 1)
  if (m < 0.70710678118654752440) {
    m *= 2;
    --exponent;
  }
  // log m = 2 atanh(z), z = (m - 1) / (m + 1), |z| <= 0.172, so z^23/23 < 1e-19.
  const double z = (m - 1) / (m + 1);
  const double z2 = z * z;
  double sum = 0;
  for (int i = 23; i >= 1; i -= 2) sum = 1.0 / i + sum * z2;
  return exponent + 2 * z * sum * kLog2E;
}

double exact_exp(double x) { return exact_exp2(x * kLog2E); }

void exact_exp(std::span<const double> x, double* y) {
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = x[i] * kLog2E;
  exact_exp2(std::span<const double>(y, x.size()), y);
}

double exact_log(double x) { return exact_log2(x) * kLn2; }

}  // namespace fedqat
