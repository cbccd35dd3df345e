#include "common/kernels/im2col/im2col.h"

#include <algorithm>
#include <cstring>

namespace fedqat::kernels {
namespace {

// Copies whole 16-byte pieces: rows are written in ascending order, so what runs over the end is
// overwritten by the next piece or lies in the slack.
template <class T>
inline void copy_over(T* to, const T* from, std::ptrdiff_t n) {
  const auto bytes = n * static_cast<std::ptrdiff_t>(sizeof(T));
  auto* out = reinterpret_cast<std::byte*>(to);
  const auto* in = reinterpret_cast<const std::byte*>(from);
  for (std::ptrdiff_t i = 0; i < bytes; i += 16) std::memcpy(out + i, in + i, 16);
}

template <class T>
void unfold(const Window& g, const T* x, T outside, T* patches, std::ptrdiff_t ld) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  const int segment = g.kw * g.c;
  for (int oy = 0; oy < g.out_h(); ++oy) {
    for (int ox = 0; ox < g.out_w(); ++ox, patches += ld) {
      const int x0 = ox * g.stride - g.padding_w;
      const int left = std::clamp(-x0, 0, g.kw);               // columns before the image
      const int right = std::clamp(x0 + g.kw - g.w, 0, g.kw);  // and behind it
      T* to = patches;
      for (int ky = 0; ky < g.kh; ++ky, to += segment) {
        const int y = oy * g.stride + ky - g.padding_h;
        if (y < 0 || y >= g.h || left + right >= g.kw) {
          std::fill_n(to, segment, outside);
          continue;
        }
        const T* from = x + y * row + std::ptrdiff_t{x0 + left} * g.c;
        if (left + right == 0) {
          copy_over(to, from, segment);
          continue;
        }
        std::fill_n(to, left * g.c, outside);
        copy_over(to + left * g.c, from, std::ptrdiff_t{g.kw - left - right} * g.c);
        std::fill_n(to + (g.kw - right) * g.c, right * g.c, outside);
      }
    }
  }
}

}  // namespace

void im2col(const Window& window, const std::uint8_t* x, std::uint8_t outside,
            std::uint8_t* patches, std::ptrdiff_t ld) {
  unfold(window, x, outside, patches, ld);
}

void im2col(const Window& window, const float* x, float outside, float* patches,
            std::ptrdiff_t ld) {
  unfold(window, x, outside, patches, ld);
}

void col2im(const Window& g, const float* dpatches, std::ptrdiff_t ld, float* dx) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  const int segment = g.kw * g.c;
  for (int oy = 0; oy < g.out_h(); ++oy) {
    for (int ox = 0; ox < g.out_w(); ++ox, dpatches += ld) {
      const int x0 = ox * g.stride - g.padding_w;
      const int left = std::clamp(-x0, 0, g.kw);
      const int right = std::clamp(x0 + g.kw - g.w, 0, g.kw);
      if (left + right >= g.kw) continue;
      const int first = left * g.c, last = (g.kw - right) * g.c;
      for (int ky = 0; ky < g.kh; ++ky) {
        const int y = oy * g.stride + ky - g.padding_h;
        if (y < 0 || y >= g.h) continue;
        const float* from = dpatches + ky * segment;
        float* to = dx + y * row + std::ptrdiff_t{x0} * g.c;
        for (int i = first; i < last; ++i) to[i] += from[i];
      }
    }
  }
}

}  // namespace fedqat::kernels
