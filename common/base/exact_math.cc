#include "common/base/exact_math.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "common/base/check.h"

namespace fedqat {
namespace {

constexpr double kLn2 = 0.69314718055994530942;
constexpr double kLog2E = 1.4426950408889634074;

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

void exact_exp2(std::span<const float> x, float* y) {
  constexpr std::size_t kBlock = 8;  // the chains of a block run side by side
  constexpr double kPlain = 1000;    // here 2^whole is a normal number
  std::size_t at = 0;
  for (; at + kBlock <= x.size(); at += kBlock) {
    double t[kBlock], sum[kBlock], power[kBlock];
    bool plain = true;
    for (std::size_t k = 0; k < kBlock; ++k) {
      const double v = static_cast<double>(x[at + k]);
      if (!(v > -kPlain && v < kPlain)) {
        plain = false;
        break;
      }
      auto down = static_cast<std::int64_t>(v + 0.5);
      if (static_cast<double>(down) > v + 0.5) --down;
      const auto whole = static_cast<double>(down);
      t[k] = (v - whole) * kLn2;
      sum[k] = 1;
      power[k] = std::bit_cast<double>((down + 1023) << 52);
    }
    if (!plain) {
      for (std::size_t k = 0; k < kBlock; ++k) {
        y[at + k] = static_cast<float>(exact_exp2(static_cast<double>(x[at + k])));
      }
      continue;
    }
    for (int i = 14; i >= 1; --i) {
      for (std::size_t k = 0; k < kBlock; ++k) sum[k] = 1 + sum[k] * t[k] / i;
    }
    for (std::size_t k = 0; k < kBlock; ++k) y[at + k] = static_cast<float>(sum[k] * power[k]);
  }
  for (; at < x.size(); ++at) y[at] = static_cast<float>(exact_exp2(static_cast<double>(x[at])));
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

double exact_log(double x) { return exact_log2(x) * kLn2; }

}  // namespace fedqat
