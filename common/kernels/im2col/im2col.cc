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

// A window that sticks out of the image, at row oy and column ox of the output.
template <class T>
void unfold_edge(const Window& g, const T* x, T outside, int oy, int ox, T* to) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  const int segment = g.kw * g.c;
  const int x0 = ox * g.stride - g.padding_w;
  const int left = std::clamp(-x0, 0, g.kw);               // columns before the image
  const int right = std::clamp(x0 + g.kw - g.w, 0, g.kw);  // and behind it
  for (int ky = 0; ky < g.kh; ++ky, to += segment) {
    const int y = oy * g.stride + ky - g.padding_h;
    if (y < 0 || y >= g.h || left + right >= g.kw) {
      std::fill_n(to, segment, outside);
      continue;
    }
    const T* from = x + y * row + std::ptrdiff_t{x0 + left} * g.c;
    std::fill_n(to, left * g.c, outside);
    copy_over(to + left * g.c, from, std::ptrdiff_t{g.kw - left - right} * g.c);
    std::fill_n(to + (g.kw - right) * g.c, right * g.c, outside);
  }
}

// A window inside the image, whose first pixel is `from`. kPieces: how many pieces of kPiece bytes
// make a segment, 0: any. kRows: rows of the window, 0: any.
template <int kPiece, int kPieces, int kRows, class T>
inline void unfold_window(const Window& g, const T* from, T* to) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  const int segment = g.kw * g.c;
  const int rows = kRows > 0 ? kRows : g.kh;
#pragma GCC unroll 5
  for (int ky = 0; ky < rows; ++ky, from += row, to += segment) {
    if constexpr (kPieces > 0) {
      std::memcpy(to, from, kPiece * kPieces);
    } else {
      copy_over(to, from, segment);
    }
  }
}

// Windows in order, each to where next() points.
template <int kPiece, int kPieces, int kRows, class T, class Next>
void unfold(const Window& g, const T* x, T outside, Next next) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c, step = std::ptrdiff_t{g.stride} * g.c;
  const int out_h = g.out_h(), out_w = g.out_w();
  const bool padded = g.padding_h > 0 || g.padding_w > 0;
  for (int oy = 0; oy < out_h; ++oy) {
    const int y0 = oy * g.stride - g.padding_h;
    std::ptrdiff_t at = y0 * row - std::ptrdiff_t{g.padding_w} * g.c;  // of the first pixel
    if (!padded) {
      for (int ox = 0; ox < out_w; ++ox, at += step) {
        unfold_window<kPiece, kPieces, kRows>(g, x + at, next());
      }
      continue;
    }
    const bool rows_inside = y0 >= 0 && y0 + g.kh <= g.h;
    for (int ox = 0; ox < out_w; ++ox, at += step) {
      const int x0 = ox * g.stride - g.padding_w;
      if (rows_inside && x0 >= 0 && x0 + g.kw <= g.w) {
        unfold_window<kPiece, kPieces, kRows>(g, x + at, next());
      } else {
        unfold_edge(g, x, outside, oy, ox, next());
      }
    }
  }
}

template <int kPiece, int kPieces, class T, class Next>
void unfold_rows(const Window& g, const T* x, T outside, Next next) {
  switch (g.kh) {
    case 3:
      return unfold<kPiece, kPieces, 3>(g, x, outside, next);
    case 5:
      return unfold<kPiece, kPieces, 5>(g, x, outside, next);
    default:
      return unfold<kPiece, kPieces, 0>(g, x, outside, next);
  }
}

template <class T, class Next>
void unfold_any(const Window& g, const T* x, T outside, Next next) {
  const std::size_t bytes = static_cast<std::size_t>(g.kw * g.c) * sizeof(T);
  if (bytes <= 8) return unfold_rows<8, 1>(g, x, outside, next);
  if (bytes <= 16) return unfold_rows<16, 1>(g, x, outside, next);
  if (bytes <= 32) return unfold_rows<16, 2>(g, x, outside, next);
  unfold<0, 0, 0>(g, x, outside, next);
}

// Row after row.
template <class T>
auto rows_from(T* row, std::ptrdiff_t ld) {
  return [row, ld]() mutable {
    T* at = row;
    row += ld;
    return at;
  };
}

template <class T>
void fold(const Window& g, const T* __restrict dpatches, std::ptrdiff_t ld, int oy0, int oy1,
          T* __restrict dx) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c;
  const int segment = g.kw * g.c;
  for (int oy = oy0; oy < oy1; ++oy) {
    for (int ox = 0; ox < g.out_w(); ++ox, dpatches += ld) {
      const int x0 = ox * g.stride - g.padding_w;
      const int left = std::clamp(-x0, 0, g.kw);
      const int right = std::clamp(x0 + g.kw - g.w, 0, g.kw);
      if (left + right >= g.kw) continue;
      const int first = left * g.c, last = (g.kw - right) * g.c;
      for (int ky = 0; ky < g.kh; ++ky) {
        const int y = oy * g.stride + ky - g.padding_h;
        if (y < 0 || y >= g.h) continue;
        const T* from = dpatches + ky * segment;
        T* to = dx + y * row + std::ptrdiff_t{x0} * g.c;
        for (int i = first; i < last; ++i) to[i] += from[i];
      }
    }
  }
}

}  // namespace

void im2col(const Window& window, const std::uint8_t* x, std::uint8_t outside,
            std::uint8_t* patches, std::ptrdiff_t ld) {
  unfold_any(window, x, outside, rows_from(patches, ld));
}

void im2col(const Window& window, const float* x, float outside, float* patches,
            std::ptrdiff_t ld) {
  unfold_any(window, x, outside, rows_from(patches, ld));
}

void im2col_quads(const Window& g, const std::uint8_t* x, std::uint8_t outside,
                  std::uint8_t* patches, std::ptrdiff_t ld) {
  const int quads = (g.out_h() * g.out_w() + 3) / 4;
  int quad = 0;
  std::uint8_t* strip = patches;
  unfold_any(g, x, outside, [&] {
    if (quad == quads) {
      quad = 0;
      strip += ld;
    }
    return strip + 4 * ld * quad++;
  });
}

void pad_image(const Window& g, const std::uint8_t* x, std::uint8_t outside, std::uint8_t* padded) {
  const std::ptrdiff_t row = std::ptrdiff_t{g.w} * g.c, side = std::ptrdiff_t{g.padding_w} * g.c;
  const std::ptrdiff_t edge = g.padding_h * (row + 2 * side) + side;  // above and left of row 0
  padded = std::fill_n(padded, edge, outside);
  for (int y = 0; y < g.h; ++y, x += row) {
    padded = std::copy_n(x, row, padded);
    padded = std::fill_n(padded, y + 1 < g.h ? 2 * side : edge, outside);
  }
}

void col2im(const Window& g, const float* dpatches, std::ptrdiff_t ld, int oy0, int oy1,
            float* dx) {
  fold(g, dpatches, ld, oy0, oy1, dx);
}

void col2im(const Window& g, const std::int32_t* dpatches, std::ptrdiff_t ld, int oy0, int oy1,
            std::int32_t* dx) {
  fold(g, dpatches, ld, oy0, oy1, dx);
}

}  // namespace fedqat::kernels
