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
using Shorts [[gnu::vector_size(16)]] = std::int16_t;
using UnsignedShorts [[gnu::vector_size(16)]] = std::uint16_t;
using HalfCodes [[gnu::vector_size(8)]] = std::uint8_t;
constexpr int kShorts = 8;
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

// Offsets of a window's elements from its first, by position.
void places_of(const Window& g, std::ptrdiff_t (&place)[256]) {
  for (int i = 0; i < g.kh * g.kw; ++i) {
    place[i] = (std::ptrdiff_t{i / g.kw} * g.w + i % g.kw) * g.c;
  }
}

template <int kSide>
void gather_codes(const Window& g, const std::uint8_t* x, const std::uint8_t* which,
                  std::uint8_t* y) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  const int kh = kSide > 0 ? kSide : g.kh, kw = kSide > 0 ? kSide : g.kw;
  for_windows(g, [&](std::ptrdiff_t in, std::ptrdiff_t out) {
    for (int c = 0; c < g.c; c += kCodes) {
      const auto at = load<Codes>(which + out + c);
      Codes found = {}, position = {};
      for (int ky = 0; ky < kh; ++ky) {
        for (int kx = 0; kx < kw; ++kx, position += 1) {
          const auto v = load<Codes>(x + in + c + ky * row + std::ptrdiff_t{kx} * g.c);
          found = at == position ? v : found;
        }
      }
      store(found, y + out + c);
    }
  });
}

// Where windows tile the image: pixel by pixel, so that what runs over one's end is overwritten.
// At counts positions in lanes as wide as those of V; they are stored as Which.
template <class V, class At, class Which, int kSide, class T>
void scatter_tiles(const Window& g, const T* y, const std::uint8_t* which, T other, T* x) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  const std::ptrdiff_t out_row = std::ptrdiff_t{g.out_w()} * g.c;
  const int side = kSide > 0 ? kSide : g.kw;
  const V others = V{} + other;
  constexpr int kLanes = sizeof(V) / sizeof(T);
  for (int oy = 0; oy < g.out_h(); ++oy, y += out_row, which += out_row) {
    for (int ky = 0; ky < side; ++ky, x += row) {
      T* to = x;
      for (std::ptrdiff_t out = 0; out < out_row; out += g.c) {
        for (int kx = 0; kx < side; ++kx, to += g.c) {
          const At position = At{} + static_cast<std::uint8_t>(ky * side + kx);
          for (int c = 0; c < g.c; c += kLanes) {
            const auto at = __builtin_convertvector(load<Which>(which + out + c), At);
            const auto v = load<V>(y + out + c);
            store(at == position ? v : others, to + c);
          }
        }
      }
      std::fill(to, x + row, other);
    }
  }
  std::fill_n(x, (g.h - g.out_h() * g.stride) * row, other);
}

template <class V, class At, class Which, class T>
void scatter(const Window& g, const T* y, const std::uint8_t* which, T other, T* x) {
  if (g.kh == g.stride && g.kw == g.stride) {
    return g.stride == 2 ? scatter_tiles<V, At, Which, 2>(g, y, which, other, x)
                         : scatter_tiles<V, At, Which, 0>(g, y, which, other, x);
  }
  std::fill_n(x, std::ptrdiff_t{g.h} * g.w * g.c, other);
  std::ptrdiff_t place[256];
  places_of(g, place);
  for_windows(g, [&](std::ptrdiff_t in, std::ptrdiff_t out) {
    for (int c = 0; c < g.c; ++c) x[in + place[which[out + c]] + c] = y[out + c];
  });
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
  places_of(g, place);
  for_windows(g, [&](std::ptrdiff_t in, std::ptrdiff_t out) {
    for (int c = 0; c < g.c; ++c) dx[in + place[which[out + c]] + c] += dy[out + c];
  });
}

void max_pool_gather(const Window& g, const std::int8_t* x, const std::uint8_t* which,
                     std::int8_t* y) {
  const auto* from = reinterpret_cast<const std::uint8_t*>(x);
  auto* to = reinterpret_cast<std::uint8_t*>(y);
  if (g.kh == 2 && g.kw == 2) return gather_codes<2>(g, from, which, to);
  gather_codes<0>(g, from, which, to);
}

void max_pool_scatter(const Window& g, const std::uint8_t* y, const std::uint8_t* which,
                      std::uint8_t other, std::uint8_t* x) {
  scatter<Codes, Codes, Codes>(g, y, which, other, x);
}

void max_pool_scatter(const Window& g, const std::int16_t* y, const std::uint8_t* which,
                      std::int16_t* x) {
  scatter<Shorts, UnsignedShorts, HalfCodes>(g, y, which, std::int16_t{0}, x);
}

void sum_pool(const Window& g, const std::uint8_t* x, std::int32_t zero, std::int32_t* y) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  const std::int32_t start = -zero * g.kh * g.kw;
  for_windows(g, [&](std::ptrdiff_t in, std::ptrdiff_t out) {
    int c = 0;
    for (; c + kShorts <= g.c && g.kh * g.kw <= kMostShortSum; c += kShorts) {
      UnsignedShorts sums = {};
      for (int ky = 0; ky < g.kh; ++ky) {
        const std::uint8_t* from = x + in + ky * row + c;
        for (int kx = 0; kx < g.kw; ++kx, from += g.c) {
          sums += __builtin_convertvector(load<HalfCodes>(from), UnsignedShorts);
        }
      }
      for (int i = 0; i < kShorts; ++i) y[out + c + i] = start + sums[i];
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

void mean_pool_backward(const Window& g, const float* dy, bool add, float* dx) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  const auto count = static_cast<float>(g.kh * g.kw);
  const bool whole = g.kh == g.h && g.kw == g.w;  // one window, which sets all
  if (!add && !whole) std::fill_n(dx, g.h * row, 0.0F);
  for_windows(g, [&](std::ptrdiff_t in, std::ptrdiff_t out) {
    constexpr int kBlock = 64;
    float share[kBlock];
    for (int first = 0; first < g.c; first += kBlock) {
      const int n = std::min(kBlock, g.c - first);
      for (int c = 0; c < n; ++c) share[c] = dy[out + first + c] / count;
      for (int i = 0; i < g.kh * g.kw; ++i) {
        float* to = dx + in + i / g.kw * row + std::ptrdiff_t{i % g.kw} * g.c + first;
        if (add || !whole) {
          for (int c = 0; c < n; ++c) to[c] += share[c];
        } else {
          for (int c = 0; c < n; ++c) to[c] = 0.0F + share[c];
        }
      }
    }
  });
}

}  // namespace fedqat::kernels
