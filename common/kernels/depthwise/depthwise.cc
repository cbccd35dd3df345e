#include "common/kernels/depthwise/depthwise.h"

#include <algorithm>
#include <vector>

#include "common/kernels/best_kernel.h"
#include "common/kernels/depthwise/depthwise_tables.h"

namespace fedqat::kernels {

std::size_t packed_depthwise_size(const Window& g) {
  const int pairs = (g.kh * g.kw + 1) / 2;
  return static_cast<std::size_t>(depthwise_width(g.c)) * static_cast<std::size_t>(pairs) * 2;
}

void pack_depthwise(const Window& g, const std::int8_t* w, std::int16_t* packed) {
  const int taps = g.kh * g.kw, pairs = (taps + 1) / 2;
  std::fill_n(packed, packed_depthwise_size(g), std::int16_t{0});
  for (int c = 0; c < g.c; ++c) {
    const int group = c / kDepthwiseLanes, lane = c % kDepthwiseLanes;
    std::int16_t* to = packed + std::ptrdiff_t{group} * pairs * kDepthwiseLanes * 2 + lane * 2;
    for (int t = 0; t < taps; ++t) {
      to[t / 2 * kDepthwiseLanes * 2 + t % 2] = w[std::ptrdiff_t{c} * taps + t];
    }
  }
}

void pack_columns(const Window& g, const std::int8_t* w, std::int8_t* packed) {
  const std::ptrdiff_t block = std::ptrdiff_t{kColumnBlock} * g.kw * kColumnRows;
  std::fill_n(packed, columns_width(g.c) / kColumnBlock * block, std::int8_t{0});
  for (int c = 0; c < g.c; ++c) {
    std::int8_t* to =
        packed + c / kColumnBlock * block + column_place(c) % kColumnBlock * kColumnRows;
    for (int ky = 0; ky < g.kh; ++ky) {
      for (int kx = 0; kx < g.kw; ++kx) to[kx * kColumnBlock * kColumnRows + ky] = *w++;
    }
  }
}

std::span<const DepthwiseKernel> depthwise_kernels() {
  static const std::vector<DepthwiseKernel> kernels = {
#ifdef FEDQAT_HAVE_AVX512VNNI
      kDepthwiseAvx512,
#endif
#ifdef FEDQAT_HAVE_AVX2
      kDepthwiseAvx2,
#endif
      kDepthwiseScalar,
  };
  return kernels;
}

const DepthwiseKernel& depthwise_kernel() { return best_kernel(depthwise_kernels()); }

}  // namespace fedqat::kernels
