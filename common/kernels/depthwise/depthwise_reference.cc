#include <algorithm>
#include <cmath>

#include "common/kernels/depthwise/depthwise.h"

namespace fedqat::kernels {
namespace {

// visit(o, t, offset of the pixel in the image, or -1 beyond the edge)
template <class Visit>
void for_taps(const Window& g, Visit visit) {
  for (int oy = 0; oy < g.out_h(); ++oy)
    for (int ox = 0; ox < g.out_w(); ++ox)
      for (int ky = 0; ky < g.kh; ++ky)
        for (int kx = 0; kx < g.kw; ++kx) {
          const int y = oy * g.stride + ky - g.padding_h, x = ox * g.stride + kx - g.padding_w;
          const bool inside = y >= 0 && x >= 0 && y < g.h && x < g.w;
          visit(oy * g.out_w() + ox, ky * g.kw + kx, inside ? (y * g.w + x) * g.c : -1);
        }
}

float input(const DepthwiseReal& g, int at) {
  return g.x != nullptr ? g.x[at] : static_cast<float>(g.x_codes[at] - g.x_zero);
}

}  // namespace

void depthwise_reference(const DepthwiseCodes& g, const std::int8_t* w) {
  const int channels = g.window.c, taps = g.window.kh * g.window.kw;
  for_taps(g.window, [&](int o, int t, int at) {
    for (int c = 0; c < channels; ++c) {
      std::int32_t& acc = g.acc[o * channels + c];
      if (t == 0) acc = g.start[c];
      acc += (at < 0 ? g.outside[c] : g.x[at + c]) * w[c * taps + t];
    }
  });
}

void depthwise_reference_forward(const DepthwiseReal& g) {
  const int channels = g.window.c, width = depthwise_width(channels);
  for_taps(g.window, [&](int o, int t, int at) {
    for (int c = 0; c < channels; ++c) {
      float& y = g.y[o * channels + c];
      if (t == 0) y = 0;
      if (at >= 0) y = std::fma(input(g, at + c), g.w[t * width + c], y);
    }
  });
}

void depthwise_reference_weights(const DepthwiseReal& g) {
  const int channels = g.window.c, width = depthwise_width(channels);
  for_taps(g.window, [&](int o, int t, int at) {
    if (at < 0) return;
    for (int c = 0; c < channels; ++c) {
      float& dw = g.dw[t * width + c];
      dw = std::fma(g.dy[o * channels + c], input(g, at + c), dw);
    }
  });
}

void depthwise_reference_input(const DepthwiseReal& g) {
  const int channels = g.window.c, width = depthwise_width(channels);
  if (!g.add) std::fill_n(g.dx, g.window.h * g.window.w * channels, 0.0F);
  for_taps(g.window, [&](int o, int t, int at) {
    if (at < 0) return;
    for (int c = 0; c < channels; ++c) {
      g.dx[at + c] = std::fma(g.dy[o * channels + c], g.w[t * width + c], g.dx[at + c]);
    }
  });
}

}  // namespace fedqat::kernels
