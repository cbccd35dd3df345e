#include "common/kernels/pool/pool.h"

#include <algorithm>
#include <cstring>

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

// Vectors of every machine. Elements are written in ascending order, so what runs over the end of
// a pixel is overwritten by the next one, or lies in the slack.
constexpr int kCodes = 16;
using Codes [[gnu::vector_size(16)]] = std::uint8_t;
using ShortSums [[gnu::vector_size(32)]] = std::uint16_t;
constexpr int kMostShortSum = 65535 / 255;  // codes
constexpr int kReals = 4;
using Reals [[gnu::vector_size(16)]] = float;
using Bits [[gnu::vector_size(16)]] = std::int32_t;
using FewCodes [[gnu::vector_size(4)]] = std::uint8_t;

template <class V, class T>
V load(const T* from) {
  V v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
template <class V, class T>
void store(const V& v, T* to) {
  std::memcpy(to, &v, sizeof v);
}

// V of values; At counts positions in lanes of the same width, and is stored as Which. kSide: rows
// and columns of the window, or 0 for any.
template <class V, class At, class Which, int kSide, class T>
void max_sized(const Window& g, const T* x, T* y, std::uint8_t* which) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  const int kh = kSide > 0 ? kSide : g.kh, kw = kSide > 0 ? kSide : g.kw;
  constexpr int kLanes = sizeof(V) / sizeof(T);
  for_windows(g, [&](std::ptrdiff_t in, std::ptrdiff_t out) {
    for (int c = 0; c < g.c; c += kLanes) {
      const T* from = x + in + c;
      V best = load<V>(from);
      At at = {}, position = {};
      for (int ky = 0; ky < kh; ++ky) {
        for (int kx = 0; kx < kw; ++kx, position += 1) {
          const V v = load<V>(from + ky * row + std::ptrdiff_t{kx} * g.c);
          const auto greater = v > best;
          best = greater ? v : best;
          at = greater ? position : at;
        }
      }
      store(best, y + out + c);
      store(__builtin_convertvector(at, Which), which + out + c);
    }
  });
}

// The same without positions.
template <class V, int kSide, class T>
void max_alone(const Window& g, const T* x, T* y) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  const int kh = kSide > 0 ? kSide : g.kh, kw = kSide > 0 ? kSide : g.kw;
  constexpr int kLanes = sizeof(V) / sizeof(T);
  for_windows(g, [&](std::ptrdiff_t in, std::ptrdiff_t out) {
    for (int c = 0; c < g.c; c += kLanes) {
      const T* from = x + in + c;
      V best = load<V>(from);
      for (int ky = 0; ky < kh; ++ky) {
        for (int kx = 0; kx < kw; ++kx) {
          const V v = load<V>(from + ky * row + std::ptrdiff_t{kx} * g.c);
          best = v > best ? v : best;
        }
      }
      store(best, y + out + c);
    }
  });
}

template <class V, class At, class Which, class T>
void max_windows(const Window& g, const T* x, T* y, std::uint8_t* which) {
  if (g.kh == 2 && g.kw == 2) return max_sized<V, At, Which, 2>(g, x, y, which);
  max_sized<V, At, Which, 0>(g, x, y, which);
}

// Backward where windows tile the image: each of its pixels is written once, by its window. With
// fewer than kReals channels vectors would run over into pixels that are done.
template <int kSide>
void spread_tiles(const Window& g, const float* dy, const std::uint8_t* which, float* dx) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  const std::ptrdiff_t used = std::ptrdiff_t{g.out_w()} * g.stride * g.c;
  const int kh = kSide > 0 ? kSide : g.kh, kw = kSide > 0 ? kSide : g.kw;
  for (int oy = 0; oy < g.out_h(); ++oy, dx += kh * row) {
    float* corner = dx;
    for (int ox = 0; ox < g.out_w(); ++ox, corner += kw * g.c, dy += g.c, which += g.c) {
      for (int next = 0; next < g.c; next += kReals) {
        const int c = std::min(next, g.c - kReals);  // the last vectors may overlap
        const auto at = __builtin_convertvector(load<FewCodes>(which + c), Bits);
        const auto value = load<Bits>(dy + c);
        Bits position = {};
        for (int ky = 0; ky < kh; ++ky) {
          for (int kx = 0; kx < kw; ++kx, position += 1) {
            store((at == position) & value, corner + ky * row + kx * g.c + c);
          }
        }
      }
    }
    for (int ky = 0; ky < kh; ++ky) std::fill(dx + ky * row + used, dx + (ky + 1) * row, 0.0F);
  }
  std::fill_n(dx, (g.h - g.out_h() * g.stride) * row, 0.0F);
}

}  // namespace

void max_pool(const Window& g, const std::uint8_t* x, std::uint8_t* y, std::uint8_t* which) {
  if (which == nullptr) {
    return g.kh == 2 && g.kw == 2 ? max_alone<Codes, 2>(g, x, y) : max_alone<Codes, 0>(g, x, y);
  }
  max_windows<Codes, Codes, Codes>(g, x, y, which);
}

void max_pool(const Window& g, const float* x, float* y, std::uint8_t* which) {
  max_windows<Reals, Bits, FewCodes>(g, x, y, which);
}

void max_pool_backward(const Window& g, const float* dy, const std::uint8_t* which, bool add,
                       float* dx) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  if (!add && g.kh == g.stride && g.kw == g.stride && g.c >= kReals) {
    return g.stride == 2 ? spread_tiles<2>(g, dy, which, dx) : spread_tiles<0>(g, dy, which, dx);
  }
  if (!add) std::fill_n(dx, g.h * row, 0.0F);
  std::ptrdiff_t place[256];
  for (int i = 0; i < g.kh * g.kw; ++i) place[i] = i / g.kw * row + std::ptrdiff_t{i % g.kw} * g.c;
  for_windows(g, [&](std::ptrdiff_t in, std::ptrdiff_t out) {
    for (int c = 0; c < g.c; ++c) dx[in + place[which[out + c]] + c] += dy[out + c];
  });
}

void sum_pool(const Window& g, const std::uint8_t* x, std::int32_t zero, std::int32_t* y) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  const std::int32_t start = -zero * g.kh * g.kw;
  for_windows(g, [&](std::ptrdiff_t in, std::ptrdiff_t out) {
    int c = 0;
    for (; c + kCodes <= g.c && g.kh * g.kw <= kMostShortSum; c += kCodes) {
      ShortSums sums = {};
      for (int ky = 0; ky < g.kh; ++ky) {
        const std::uint8_t* from = x + in + ky * row + c;
        for (int kx = 0; kx < g.kw; ++kx, from += g.c) {
          sums += __builtin_convertvector(load<Codes>(from), ShortSums);
        }
      }
      for (int i = 0; i < kCodes; ++i) y[out + c + i] = start + sums[i];
    }
    for (; c < g.c; ++c) {
      std::int32_t sum = start;
      for (int i = 0; i < g.kh * g.kw; ++i) {
        sum += x[in + i / g.kw * row + std::ptrdiff_t{i % g.kw} * g.c + c];
      }
      y[out + c] = sum;
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
