#include <cmath>
#include <utility>

#include "common/kernels/depthwise/depthwise_tables.h"
#include "common/kernels/depthwise/depthwise_taps.h"

namespace fedqat::kernels {
namespace {

struct Vec {
  static constexpr int kWidth = 4;
  float v[4];
  static Vec zero() { return {}; }
  static Vec load(const float* p) { return {{p[0], p[1], p[2], p[3]}}; }
  static Vec codes(const std::uint8_t* p, std::int32_t zero) {
    Vec y;
    for (int i = 0; i < kWidth; ++i) y.v[i] = static_cast<float>(p[i] - zero);
    return y;
  }
  static Vec fma(const Vec& a, const Vec& b, const Vec& c) {
    Vec y;
    for (int i = 0; i < kWidth; ++i) y.v[i] = std::fma(a.v[i], b.v[i], c.v[i]);
    return y;
  }
  void store(float* p) const {
    for (int i = 0; i < kWidth; ++i) p[i] = v[i];
  }
};

#include "common/kernels/sgemm/sgemm_each.inc"
// Around Vec:
#include "common/kernels/depthwise/depthwise_real.inc"

template <int kSide>
void forward_sized(const DepthwiseCodes& a) {
  const Window& g = a.window;
  const int pairs = kSide > 0 ? (kSide * kSide + 1) / 2 : (g.kh * g.kw + 1) / 2;
  const std::uint8_t* rows[kMaxTaps + 1];
  for_pixels(g, [&](std::ptrdiff_t out, const InsideTaps& in) {
    code_rows<kSide>(a, in, rows);
    for (int first = 0; first < g.c; first += kDepthwiseLanes) {
      const std::int16_t* w = a.w + std::ptrdiff_t{first} * pairs * 2;
      const int lanes = std::min(kDepthwiseLanes, g.c - first);
      std::int32_t* acc = a.acc + out + first;
      std::copy_n(a.start + first, lanes, acc);
      for (int p = 0; p < pairs; ++p, w += kDepthwiseLanes * 2) {
        const std::uint8_t* even = rows[2 * p] + first;
        const std::uint8_t* odd = rows[2 * p + 1] + first;
        for (int c = 0; c < lanes; ++c) acc[c] += even[c] * w[2 * c] + odd[c] * w[2 * c + 1];
      }
    }
  });
}

void forward_codes(const DepthwiseCodes& a) {
  if (a.window.kh == 3 && a.window.kw == 3) return forward_sized<3>(a);
  forward_sized<0>(a);
}

}  // namespace

const DepthwiseKernel kDepthwiseScalar = {"scalar",     Isa::kScalar,    forward_codes,
                                          forward_real, weight_gradient, input_gradient};

}  // namespace fedqat::kernels
