#include "common/kernels/pool/pool.h"

#include <algorithm>

namespace fedqat::kernels {
namespace {

// body(input offset of the window's first element, output offset) for every window.
template <class Body>
void for_windows(const Window& g, Body body) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  std::ptrdiff_t out = 0;
  for (int oy = 0; oy < g.out_h(); ++oy) {
    for (int ox = 0; ox < g.out_w(); ++ox, out += g.c) {
      body(oy * g.stride * row + std::ptrdiff_t{ox} * g.stride * g.c, out);
    }
  }
}

template <class T>
void max_windows(const Window& g, const T* x, T* y, std::uint8_t* which) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  for_windows(g, [&](std::ptrdiff_t in, std::ptrdiff_t out) {
    T* __restrict best = y + out;
    std::uint8_t* __restrict at = which + out;
    std::copy_n(x + in, g.c, best);
    std::fill_n(at, g.c, std::uint8_t{0});
    for (int i = 1; i < g.kh * g.kw; ++i) {
      const T* from = x + in + i / g.kw * row + std::ptrdiff_t{i % g.kw} * g.c;
      const auto position = static_cast<std::uint8_t>(i);
      for (int c = 0; c < g.c; ++c) {
        const bool greater = from[c] > best[c];
        best[c] = greater ? from[c] : best[c];
        at[c] = greater ? position : at[c];
      }
    }
  });
}

}  // namespace

void max_pool(const Window& window, const std::uint8_t* x, std::uint8_t* y, std::uint8_t* which) {
  max_windows(window, x, y, which);
}

void max_pool(const Window& window, const float* x, float* y, std::uint8_t* which) {
  max_windows(window, x, y, which);
}

void max_pool_backward(const Window& g, const float* dy, const std::uint8_t* which, float* dx) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  for_windows(g, [&](std::ptrdiff_t in, std::ptrdiff_t out) {
    for (int c = 0; c < g.c; ++c) {
      const int i = which[out + c];
      dx[in + i / g.kw * row + std::ptrdiff_t{i % g.kw} * g.c + c] += dy[out + c];
    }
  });
}

void sum_pool(const Window& g, const std::uint8_t* x, std::int32_t zero, std::int32_t* y) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  for_windows(g, [&](std::ptrdiff_t in, std::ptrdiff_t out) {
    std::fill_n(y + out, g.c, -zero * g.kh * g.kw);
    for (int i = 0; i < g.kh * g.kw; ++i) {
      const std::uint8_t* from = x + in + i / g.kw * row + std::ptrdiff_t{i % g.kw} * g.c;
      for (int c = 0; c < g.c; ++c) y[out + c] += from[c];
    }
  });
}

void mean_pool(const Window& g, const float* x, float* y) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  const auto count = static_cast<float>(g.kh * g.kw);
  for_windows(g, [&](std::ptrdiff_t in, std::ptrdiff_t out) {
    std::fill_n(y + out, g.c, 0.0F);
    for (int i = 0; i < g.kh * g.kw; ++i) {
      const float* from = x + in + i / g.kw * row + std::ptrdiff_t{i % g.kw} * g.c;
      for (int c = 0; c < g.c; ++c) y[out + c] += from[c];
    }
    for (int c = 0; c < g.c; ++c) y[out + c] /= count;
  });
}

void mean_pool_backward(const Window& g, const float* dy, float* dx) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  const auto count = static_cast<float>(g.kh * g.kw);
  for_windows(g, [&](std::ptrdiff_t in, std::ptrdiff_t out) {
    for (int i = 0; i < g.kh * g.kw; ++i) {
      float* to = dx + in + i / g.kw * row + std::ptrdiff_t{i % g.kw} * g.c;
      for (int c = 0; c < g.c; ++c) to[c] += dy[out + c] / count;
    }
  });
}

}  // namespace fedqat::kernels
