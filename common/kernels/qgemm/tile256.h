// Tiles and packing with 256-bit vectors, the same for the two instructions that multiply: the file
// that includes this defines, in the anonymous namespace, before it
//   constexpr int kStep      depths that one instruction takes for a column
//   using Code               s8 or s16, how codes lie in packed matrices: kStep of them are 4 bytes
//   dot(sum, row, col)       sum += row * col over the steps; row has unsigned codes
//   dot_signed(sum, row, col)    the same with unsigned codes in col
//   load_codes(b)            32 bytes of Codes from 32 / sizeof(Code) bytes
#pragma once

namespace fedqat::kernels {
namespace {

constexpr int kCols = 8;  // columns of a panel: one vector of s32
constexpr int kWide = 2 * kCols;
constexpr int kTileRows = 6;  // two panels wide: 12 accumulators
constexpr int kVectorDepth = kStep * 8;

inline __m256i load256(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
inline void store256(void* p, __m256i v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }

// acc[r,p] = start + the sum over steps of row[r,step] * panel[p,step] (+ acc[r,p])
struct Tile {
  const void* rows;  // a step is broadcast to a vector
  std::ptrdiff_t row_stride, row_step;
  const void* panels;  // [steps][2][8 columns][kStep]
  std::ptrdiff_t panel_step;
  int steps;
  const std::int32_t* start;  // one a column; for signed rows one a row
  bool accumulate;            // add to what is in acc
  std::int32_t* acc;          // [r][16]
  std::ptrdiff_t ldacc;
};

// kSigned: rows have the signed codes. All loops are unrolled, so that sums stay in registers.
template <bool kSigned, int R, int P>
[[gnu::noinline]] void tile(const Tile& t) {
  const std::ptrdiff_t stride = t.row_stride, row_step = t.row_step, panel_step = t.panel_step;
  std::ptrdiff_t stride3 = 3 * stride;
  asm("" : "+r"(stride3));  // rows are two pointers and three offsets
  __m256i sum[R][P];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) {
      sum[r][p] = kSigned ? _mm256_set1_epi32(t.start[r]) : load256(t.start + p * kCols);
    }
  }
  if (t.accumulate) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int p = 0; p < P; ++p) {
        sum[r][p] = _mm256_add_epi32(sum[r][p], load256(t.acc + r * t.ldacc + p * kCols));
      }
    }
  }
  const auto* panels = static_cast<const std::byte*>(t.panels);
  const auto* rows0 = static_cast<const std::byte*>(t.rows);
  const auto* rows4 = rows0 + 4 * stride;
  for (int s = t.steps; s > 0; --s, panels += panel_step, rows0 += row_step, rows4 += row_step) {
    __m256i col[P];
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) col[p] = load256(panels + p * 32);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      std::int32_t step;
      const std::ptrdiff_t offset = r % 4 == 3 ? stride3 : r % 4 * stride;
      std::memcpy(&step, (r < 4 ? rows0 : rows4) + offset, sizeof step);
      const __m256i row = _mm256_set1_epi32(step);
#pragma GCC unroll 2
      for (int p = 0; p < P; ++p) {
        kSigned ? dot_signed(sum[r][p], row, col[p]) : dot(sum[r][p], row, col[p]);
      }
    }
  }
  std::int32_t* to = t.acc;
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r, to += t.ldacc) {
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) store256(to + p * kCols, sum[r][p]);
  }
}

// Entry r - 1 has r rows.
template <bool kSigned, int P>
constexpr void (*kTiles[kTileRows])(const Tile&) = {tile<kSigned, 1, P>, tile<kSigned, 2, P>,
                                                    tile<kSigned, 3, P>, tile<kSigned, 4, P>,
                                                    tile<kSigned, 5, P>, tile<kSigned, 6, P>};

// Transposes 8 rows of 8 dwords.
inline void transpose(__m256i v[8]) {
  __m256i u[8];
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    const __m256i low01 = _mm256_unpacklo_epi32(v[i], v[i + 1]);
    const __m256i low23 = _mm256_unpacklo_epi32(v[i + 2], v[i + 3]);
    const __m256i high01 = _mm256_unpackhi_epi32(v[i], v[i + 1]);
    const __m256i high23 = _mm256_unpackhi_epi32(v[i + 2], v[i + 3]);
    u[i] = _mm256_unpacklo_epi64(low01, low23);
    u[i + 1] = _mm256_unpackhi_epi64(low01, low23);
    u[i + 2] = _mm256_unpacklo_epi64(high01, high23);
    u[i + 3] = _mm256_unpackhi_epi64(high01, high23);
  }
  // Lane l of u[i + j] is dword 4 l + j of rows i .. i + 3.
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    v[j] = _mm256_permute2x128_si256(u[j], u[j + 4], 0x20);
    v[j + 4] = _mm256_permute2x128_si256(u[j], u[j + 4], 0x31);
  }
}

}  // namespace
}  // namespace fedqat::kernels
