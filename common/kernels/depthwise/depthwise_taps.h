// Where the windows of a depthwise convolution lie.
#pragma once

#include <algorithm>

#include "common/kernels/depthwise/depthwise.h"

namespace fedqat::kernels {
namespace {

// Rows and columns of a pixel's window that lie inside the image, and its first pixel's place.
struct InsideTaps {
  int ky0, ky1, kx0, kx1;
  std::ptrdiff_t corner;  // of tap (0, 0), which may lie outside
};

inline InsideTaps inside_taps(const Window& g, int oy, int ox) {
  const int y0 = oy * g.stride - g.padding_h, x0 = ox * g.stride - g.padding_w;
  return {std::max(-y0, 0), std::min(g.h - y0, g.kh), std::max(-x0, 0), std::min(g.w - x0, g.kw),
          (std::ptrdiff_t{y0} * g.w + x0) * g.c};
}

// visit(pixel's row of outputs, its taps)
template <class Visit>
inline void for_pixels(const Window& g, Visit visit) {
  const int out_h = g.out_h(), out_w = g.out_w();
  std::ptrdiff_t out = 0;
  for (int oy = 0; oy < out_h; ++oy) {
    for (int ox = 0; ox < out_w; ++ox, out += g.c) visit(out, inside_taps(g, oy, ox));
  }
}

// rows[t] = input pixel of tap t, or `outside`; for an odd number of taps one more, `outside`.
// kSide: rows and columns of the window, 0: any.
template <int kSide>
inline void code_rows(const DepthwiseCodes& a, const InsideTaps& in, const std::uint8_t** rows) {
  const Window& g = a.window;
  const int kh = kSide > 0 ? kSide : g.kh, kw = kSide > 0 ? kSide : g.kw;
  for (int ky = 0; ky < kh; ++ky) {
    const bool row_inside = ky >= in.ky0 && ky < in.ky1;
    for (int kx = 0; kx < kw; ++kx) {
      const bool inside = row_inside && kx >= in.kx0 && kx < in.kx1;
      *rows++ = inside ? a.x + in.corner + (std::ptrdiff_t{ky} * g.w + kx) * g.c : a.outside;
    }
  }
  if (kh * kw % 2 != 0) *rows = a.outside;
}

}  // namespace
}  // namespace fedqat::kernels
