// What the AVX-512-VNNI products share. vpdpbusd multiplies four u8 by four s8 and adds all into
// s32; operands therefore lie in quads, four successive depths of a row or column.
#pragma once

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 of its own header (bug 105593)
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "common/kernels/qgemm/row_tiles.h"

namespace fedqat::kernels {
namespace {

constexpr int kCols = 16;      // columns of a panel: one vector of s32
constexpr int kTileRows = 14;  // rows of a tile, two panels wide: 28 accumulators

// acc[r,p] = start + the sum over quads of row[r,quad] * panel[p,quad] (+ acc[r,p])
struct Tile {
  const void* rows;  // one quad is broadcast to a vector
  std::ptrdiff_t row_stride, row_quad;
  const void* panels;  // one vector a quad
  std::ptrdiff_t panel_stride, panel_quad;
  int quads;                  // of a run
  const std::int32_t* start;  // one a column, [p][16]; for signed rows one a row
  bool accumulate;            // add to what is in acc
  std::int32_t* acc;
  std::ptrdiff_t ldacc;
  __mmask16 last;  // valid columns of the last panel
  int tiles;       // that many tiles below each other
  int runs = 1;    // pieces of a row, run_stride bytes apart
  std::ptrdiff_t run_stride = 0;
};

// sum += u8 * s8, by order: what GCC 12 makes of the intrinsic spills half of a tile's sums.
inline void dot(__m512i& sum, __m512i u8, __m512i s8) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(u8), "v"(s8));
}

// As halves: on Zen 5 these take half the time from the products around them, if the lines are in
// a near cache; whole lines get there faster.
inline void store_halves(std::int32_t* to, __m512i v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_castsi512_si256(v));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 8), _mm512_extracti64x4_epi64(v, 1));
}

// kSignedRows: rows are s8 and panels u8, else the other way round.
// Loops over the accumulators are unrolled by order: GCC else keeps the array in memory. What is
// read of t in them is read before, as it could alias acc.
template <bool kSignedRows, int R, int P>
[[gnu::noinline]] void tile(const Tile& t) {
  const std::ptrdiff_t stride = t.row_stride, row_quad = t.row_quad, ldacc = t.ldacc;
  const std::ptrdiff_t panel_stride = t.panel_stride, panel_quad = t.panel_quad;
  const __mmask16 last = t.last;
  std::ptrdiff_t stride3 = 3 * stride;
  asm("" : "+r"(stride3));  // rows are four pointers and three offsets, not fourteen pointers
  std::int32_t* acc = t.acc;
  const std::int32_t* start = t.start;
  const auto* tile_rows = static_cast<const std::byte*>(t.rows);
  for (int i = t.tiles; i > 0; --i, tile_rows += R * stride, acc += R * ldacc) {
    __m512i sum[R][P];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int p = 0; p < P; ++p) {
        sum[r][p] =
            kSignedRows ? _mm512_set1_epi32(start[r]) : _mm512_loadu_si512(start + p * kCols);
      }
    }
    if (t.accumulate) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
        for (int p = 0; p < P; ++p) {
          const __mmask16 valid = p == P - 1 ? last : static_cast<__mmask16>(0xFFFF);
          sum[r][p] = _mm512_add_epi32(
              sum[r][p], _mm512_maskz_loadu_epi32(valid, acc + r * ldacc + p * kCols));
        }
      }
    }
    const auto* panels = static_cast<const std::byte*>(t.panels);
    const std::int32_t* next = acc + R * ldacc;
    const std::byte* piece = tile_rows;
    for (int run = t.runs; run > 0; --run, piece += t.run_stride) {
      const std::byte* rows[4] = {piece, piece + 4 * stride, piece + 8 * stride,
                                  piece + 12 * stride};
      for (int q = t.quads; q > 0; --q, panels += panel_quad) {
        __m512i col[P];
#pragma GCC unroll 2
        for (int p = 0; p < P; ++p) col[p] = _mm512_loadu_si512(panels + p * panel_stride);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          std::int32_t four;
          const std::ptrdiff_t offset = r % 4 == 3 ? stride3 : r % 4 * stride;
          std::memcpy(&four, rows[r / 4] + offset, sizeof four);
          const __m512i row = _mm512_set1_epi32(four);
#pragma GCC unroll 2
          for (int p = 0; p < P; ++p) {
            kSignedRows ? dot(sum[r][p], col[p], row) : dot(sum[r][p], row, col[p]);
          }
        }
        // The next tiles' outputs: where they are in no near cache, stores would wait for them.
        _mm_prefetch(reinterpret_cast<const char*>(next), _MM_HINT_T0);
        _mm_prefetch(reinterpret_cast<const char*>(next + kCols), _MM_HINT_T0);
        next += ldacc;
#pragma GCC unroll 4
        for (auto& row : rows) row += row_quad;
      }
    }
    if (kSignedRows) start += R;
    std::int32_t* to = acc;
    if (last == 0xFFFF) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r, to += ldacc) {
        asm("" : "+r"(to));  // one pointer that moves, not fourteen on the stack
#pragma GCC unroll 2
        for (int p = 0; p < P; ++p) {
          // Gradients of weights are few, products with them are many.
          kSignedRows ? store_halves(to + p * kCols, sum[r][p])
                      : _mm512_storeu_si512(to + p * kCols, sum[r][p]);
        }
      }
    } else {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r, to += ldacc) {
        asm("" : "+r"(to));
        if (P == 2) _mm512_storeu_si512(to, sum[r][0]);
        _mm512_mask_storeu_epi32(to + (P - 1) * kCols, last, sum[r][P - 1]);
      }
    }
  }
}

// Entry r - 1 has r rows.
template <bool kSignedRows, int P>
constexpr void (*kTiles[kTileRows])(const Tile&) = {
    tile<kSignedRows, 1, P>,  tile<kSignedRows, 2, P>,  tile<kSignedRows, 3, P>,
    tile<kSignedRows, 4, P>,  tile<kSignedRows, 5, P>,  tile<kSignedRows, 6, P>,
    tile<kSignedRows, 7, P>,  tile<kSignedRows, 8, P>,  tile<kSignedRows, 9, P>,
    tile<kSignedRows, 10, P>, tile<kSignedRows, 11, P>, tile<kSignedRows, 12, P>,
    tile<kSignedRows, 13, P>, tile<kSignedRows, 14, P>};

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
