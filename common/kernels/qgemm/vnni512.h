// What the AVX-512-VNNI products share. vpdpbusd multiplies four u8 by four s8 and adds all into
// s32; operands therefore lie in quads, four successive depths of a row or column.
#pragma once

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 of its own header (bug 105593)
#endif
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace fedqat::kernels {
namespace {

constexpr int kCols = 16;     // columns of a panel: one vector of s32
constexpr int kTileRows = 14;  // rows of a tile, two panels wide: 28 accumulators

// acc[r,p] = start[p] or acc[r,p], plus the sum over quads of row[r,quad] * panel[p,quad].
struct Tile {
  const void* rows;  // one quad is broadcast to a vector
  std::ptrdiff_t row_stride, row_quad;
  const void* panels;  // one vector a quad
  std::ptrdiff_t panel_stride, panel_quad;
  int quads;
  const std::int32_t* start;  // [p][16]; null: continue from acc
  std::int32_t* acc;
  std::ptrdiff_t ldacc;
  __mmask16 last;  // valid columns of the last panel
};

// kSignedRows: rows are s8 and panels u8, else the other way round.
template <bool kSignedRows>
__m512i dot(__m512i sum, __m512i row, __m512i col) {
  return kSignedRows ? _mm512_dpbusd_epi32(sum, col, row) : _mm512_dpbusd_epi32(sum, row, col);
}

template <bool kSignedRows, int R, int P>
void tile(const Tile& t) {
  __m512i sum[R][P];
  for (int p = 0; p < P; ++p) {
    const __mmask16 valid = p == P - 1 ? t.last : 0xFFFF;
    if (t.start != nullptr) {
      const __m512i s = _mm512_loadu_si512(t.start + p * kCols);
      for (int r = 0; r < R; ++r) sum[r][p] = s;
    } else {
      for (int r = 0; r < R; ++r) {
        sum[r][p] = _mm512_maskz_loadu_epi32(valid, t.acc + r * t.ldacc + p * kCols);
      }
    }
  }
  const auto* rows = static_cast<const std::byte*>(t.rows);
  const auto* panels = static_cast<const std::byte*>(t.panels);
  for (int q = 0; q < t.quads; ++q, rows += t.row_quad, panels += t.panel_quad) {
    __m512i col[P];
    for (int p = 0; p < P; ++p) col[p] = _mm512_loadu_si512(panels + p * t.panel_stride);
    for (int r = 0; r < R; ++r) {
      std::int32_t four;
      std::memcpy(&four, rows + r * t.row_stride, sizeof four);
      const __m512i row = _mm512_set1_epi32(four);
      for (int p = 0; p < P; ++p) sum[r][p] = dot<kSignedRows>(sum[r][p], row, col[p]);
    }
  }
  for (int p = 0; p < P; ++p) {
    const __mmask16 valid = p == P - 1 ? t.last : 0xFFFF;
    for (int r = 0; r < R; ++r) {
      _mm512_mask_storeu_epi32(t.acc + r * t.ldacc + p * kCols, valid, sum[r][p]);
    }
  }
}

template <bool kSignedRows, int P, int R = kTileRows>
void tile_of(int rows, const Tile& t) {
  if constexpr (R == 1) {
    tile<kSignedRows, 1, P>(t);
  } else {
    if (rows == R) {
      tile<kSignedRows, R, P>(t);
    } else {
      tile_of<kSignedRows, P, R - 1>(rows, t);
    }
  }
}

// Rows of the next tile when `left` are left: as even as can be, for a short tile is slow.
inline int next_rows(int left) {
  const int tiles = (left + kTileRows - 1) / kTileRows;
  return (left + tiles - 1) / tiles;
}

// Four rows of 64 bytes -> quads: out[v] has those of columns 16 v .. 16 v + 15.
inline void interleave(const __m512i row[4], __m512i out[4]) {
  // Dword 4 v + l to lane l, so that unpacking within lanes leaves the columns in order.
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  __m512i r[4];
  for (int i = 0; i < 4; ++i) r[i] = _mm512_permutexvar_epi32(order, row[i]);
  const __m512i low01 = _mm512_unpacklo_epi8(r[0], r[1]);
  const __m512i low23 = _mm512_unpacklo_epi8(r[2], r[3]);
  const __m512i high01 = _mm512_unpackhi_epi8(r[0], r[1]);
  const __m512i high23 = _mm512_unpackhi_epi8(r[2], r[3]);
  out[0] = _mm512_unpacklo_epi16(low01, low23);
  out[1] = _mm512_unpackhi_epi16(low01, low23);
  out[2] = _mm512_unpacklo_epi16(high01, high23);
  out[3] = _mm512_unpackhi_epi16(high01, high23);
}

inline __mmask64 first_bytes(int n) { return n >= 64 ? ~__mmask64{0} : (__mmask64{1} << n) - 1; }

}  // namespace
}  // namespace fedqat::kernels
