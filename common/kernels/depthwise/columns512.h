// Depthwise convolution of codes by columns of the window: its rows, at most four, interleaved by
// channel, are what one instruction multiplies. A column is interleaved once for all the windows of
// a row of outputs that it belongs to. For depthwise_avx512.cc alone.
#pragma once

#include <immintrin.h>

#include <algorithm>

#include "common/kernels/depthwise/depthwise.h"

namespace fedqat::kernels {
namespace {

constexpr int kBlock = kColumnBlock;  // channels: a vector of codes
constexpr int kGroups = 4;            // vectors of sums of a block, in the order of column_place()
constexpr int kColumns = 64;          // interleaved at once, in L1

inline __m512i* vector_at(std::uint8_t* p, int i) { return reinterpret_cast<__m512i*>(p) + i; }

// 64 channels of four pixels -> 4 vectors: within a lane of 16 bytes, four channels of four rows.
inline void interleave(const std::uint8_t* const (&rows)[4], __mmask64 mask, std::uint8_t* to) {
  const __m512i a = _mm512_maskz_loadu_epi8(mask, rows[0]);
  const __m512i b = _mm512_maskz_loadu_epi8(mask, rows[1]);
  const __m512i c = _mm512_maskz_loadu_epi8(mask, rows[2]);
  const __m512i d = _mm512_maskz_loadu_epi8(mask, rows[3]);
  const __m512i ab_low = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
  const __m512i cd_low = _mm512_unpacklo_epi8(c, d), cd_high = _mm512_unpackhi_epi8(c, d);
  _mm512_store_si512(vector_at(to, 0), _mm512_unpacklo_epi16(ab_low, cd_low));
  _mm512_store_si512(vector_at(to, 1), _mm512_unpackhi_epi16(ab_low, cd_low));
  _mm512_store_si512(vector_at(to, 2), _mm512_unpacklo_epi16(ab_high, cd_high));
  _mm512_store_si512(vector_at(to, 3), _mm512_unpackhi_epi16(ab_high, cd_high));
}

// Sums of 64 channels -> codes, in the channels' order again.
class ColumnRounding {
 public:
  ColumnRounding(const DepthwiseColumns& a, int first) {
    for (int i = 0; i < kGroups; ++i) mult_[i] = _mm512_loadu_ps(a.mult + first + 16 * i);
    low_ = _mm512_set1_ps(static_cast<float>(a.grid.low - a.grid.zero));
    high_ = _mm512_set1_ps(static_cast<float>(a.grid.high - a.grid.zero));
    zero_ = _mm512_set1_epi32(a.grid.zero);
  }
  __m512i operator()(const __m512i (&acc)[kGroups]) const {
    __m512i code[kGroups];
    for (int i = 0; i < kGroups; ++i) {
      const __m512 t = _mm512_mul_ps(_mm512_cvtepi32_ps(acc[i]), mult_[i]);
      const __m512 inside = _mm512_min_ps(_mm512_max_ps(t, low_), high_);
      code[i] = _mm512_add_epi32(_mm512_cvtps_epi32(inside), zero_);
    }
    return _mm512_packus_epi16(_mm512_packus_epi32(code[0], code[1]),
                               _mm512_packus_epi32(code[2], code[3]));
  }

 private:
  __m512 mult_[kGroups], low_, high_;
  __m512i zero_;
};

// Channels first .. first + kBlock - 1, or up to the last.
template <int kWidth>
void forward_block(const DepthwiseColumns& a, int first) {
  const Window& g = a.window;
  const int kw = kWidth > 0 ? kWidth : g.kw, out_w = g.out_w(), left = g.c - first;
  const __mmask64 mask = left >= kBlock ? ~__mmask64{0} : (__mmask64{1} << left) - 1;
  const ColumnRounding round(a, first);
  const std::int8_t* w = a.w + std::ptrdiff_t{first} * kw * 4;
  const int together = (kColumns - kw) / g.stride + 1;  // outputs
  alignas(64) std::uint8_t columns[kColumns * kGroups * 64];
  std::uint8_t* y = a.y + first;
  for (int oy = 0; oy < g.out_h(); ++oy) {
    const int iy = oy * g.stride - g.padding_h;
    for (int ox = 0; ox < out_w; ox += together) {
      const int outputs = std::min(together, out_w - ox), ix = ox * g.stride - g.padding_w;
      for (int j = 0; j < (outputs - 1) * g.stride + kw; ++j) {
        const std::uint8_t* rows[4];
        for (int ky = 0; ky < 4; ++ky) {
          const bool inside =
              ky < g.kh && iy + ky >= 0 && iy + ky < g.h && ix + j >= 0 && ix + j < g.w;
          rows[ky] =
              (inside ? a.x + (std::ptrdiff_t{iy + ky} * g.w + ix + j) * g.c : a.outside) + first;
        }
        interleave(rows, mask, columns + j * kGroups * 64);
      }
      for (int i = 0; i < outputs; ++i, y += g.c) {
        const std::uint8_t* column = columns + i * g.stride * kGroups * 64;
        __m512i acc[kGroups];
        for (int q = 0; q < kGroups; ++q) {
          acc[q] = _mm512_loadu_si512(a.start + first + 16 * q);
        }
        for (int v = 0; v < kw * kGroups; v += kGroups) {
          for (int q = 0; q < kGroups; ++q) {
            acc[q] = _mm512_dpbusd_epi32(acc[q], _mm512_load_si512(column + (v + q) * 64),
                                         _mm512_loadu_si512(w + (v + q) * 64));
          }
        }
        _mm512_mask_storeu_epi8(y, mask, round(acc));
      }
    }
  }
}

void forward_columns(const DepthwiseColumns& a) {
  for (int c = 0; c < a.window.c; c += kBlock) {
    a.window.kw == 3 ? forward_block<3>(a, c) : forward_block<0>(a, c);
  }
}

}  // namespace
}  // namespace fedqat::kernels
