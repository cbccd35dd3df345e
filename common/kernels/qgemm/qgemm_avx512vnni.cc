#include <algorithm>

#include "common/kernels/qgemm/qgemm_tables.h"
#include "common/kernels/qgemm/vnni512.h"

namespace fedqat::kernels {
namespace {

constexpr int kWide = 2 * kCols;  // columns of a tile
constexpr int kRoundTiles = 4;    // tiles that are rounded together, in L1
// Rows that are taken through all columns together: many, for a pair of panels in L1 serves them
// all, while they themselves may come from afar.
constexpr int kRowBlock = 150 * kTileRows;

int quads(int k) { return (k + 3) / 4; }
int panels(int n) { return (n + kCols - 1) / kCols; }
std::ptrdiff_t panel_bytes(int k) { return std::ptrdiff_t{quads(k)} * kCols * 4; }

// Packed: s32 sums of the columns [panels][16], then panels of s8 [quads][16 columns][4].
std::size_t packed_bytes(int n, int k) {
  return static_cast<std::size_t>(panels(n)) *
         (kCols * sizeof(std::int32_t) + static_cast<std::size_t>(panel_bytes(k)));
}

std::int8_t* panel_of(std::byte* packed, int n, int k, int j) {
  return reinterpret_cast<std::int8_t*>(packed) +
         panels(n) * kCols * static_cast<std::ptrdiff_t>(sizeof(std::int32_t)) +
         (j / kCols) * panel_bytes(k);
}

// Transposes 16 rows of 16 dwords.
void transpose(__m512i v[16]) {
  __m512i u[16];
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    const __m512i low01 = _mm512_unpacklo_epi32(v[i], v[i + 1]);
    const __m512i low23 = _mm512_unpacklo_epi32(v[i + 2], v[i + 3]);
    const __m512i high01 = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    const __m512i high23 = _mm512_unpackhi_epi32(v[i + 2], v[i + 3]);
    u[i] = _mm512_unpacklo_epi64(low01, low23);
    u[i + 1] = _mm512_unpackhi_epi64(low01, low23);
    u[i + 2] = _mm512_unpacklo_epi64(high01, high23);
    u[i + 3] = _mm512_unpackhi_epi64(high01, high23);
  }
  // Lane l of u[i + j] is dword 4 l + j of rows i .. i + 3.
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512i even0 = _mm512_shuffle_i32x4(u[j], u[j + 4], 0x88);
    const __m512i odd0 = _mm512_shuffle_i32x4(u[j], u[j + 4], 0xDD);
    const __m512i even1 = _mm512_shuffle_i32x4(u[j + 8], u[j + 12], 0x88);
    const __m512i odd1 = _mm512_shuffle_i32x4(u[j + 8], u[j + 12], 0xDD);
    v[j] = _mm512_shuffle_i32x4(even0, even1, 0x88);
    v[j + 4] = _mm512_shuffle_i32x4(odd0, odd1, 0x88);
    v[j + 8] = _mm512_shuffle_i32x4(even0, even1, 0xDD);
    v[j + 12] = _mm512_shuffle_i32x4(odd0, odd1, 0xDD);
  }
}

void pack(const std::int8_t* b, std::ptrdiff_t ldb, int n, int k, std::byte* packed) {
  auto* sums = reinterpret_cast<std::int32_t*>(packed);
  const __m512i ones = _mm512_set1_epi8(1);
  for (int j0 = 0; j0 < n; j0 += kCols) {
    const int cols = std::min(kCols, n - j0);
    std::int8_t* panel = panel_of(packed, n, k, j0);
    __m512i sum[2] = {};
    for (int p = 0; p < k; p += 64) {
      const std::int8_t* from = b + j0 * ldb + p;
      const __mmask64 valid = first_bytes(k - p);
      __m512i v[16];
#pragma GCC unroll 16
      for (int c = 0; c < 16; ++c) {
        v[c] = _mm512_maskz_loadu_epi8(c < cols ? valid : 0, from + c * ldb);
      }
      transpose(v);
      const int count = std::min(16, quads(k) - p / 4);
      std::int8_t* to = panel + std::ptrdiff_t{p} * kCols;
#pragma GCC unroll 16
      for (int q = 0; q < 16; ++q) {
        if (q == count) break;
        sum[q % 2] = _mm512_dpbusd_epi32(sum[q % 2], ones, v[q]);
        _mm512_store_si512(to + q * kCols * 4, v[q]);
      }
    }
    _mm512_storeu_si512(sums + j0, _mm512_add_epi32(sum[0], sum[1]));
  }
}

// P neighbouring panels from 16 P columns of bt, of which `valid` are there.
template <int P>
void pack_columns(const std::int8_t* bt, std::ptrdiff_t ldbt, __mmask64 valid, int k,
                  std::int8_t* panel, std::int32_t* sums) {
  const std::ptrdiff_t stride = panel_bytes(k);
  const __m512i ones = _mm512_set1_epi8(1);
  __m512i sum[P] = {};
  const auto quad = [&](const __m512i row[4]) {
    __m512i v[4];
    interleave(row, v);
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      sum[p] = _mm512_dpbusd_epi32(sum[p], ones, v[p]);
      _mm512_store_si512(panel + p * stride, v[p]);
    }
  };
  __m512i row[4];
  int i = 0;
  for (; i + 4 <= k; i += 4, bt += 4 * ldbt, panel += kCols * 4) {
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) row[r] = _mm512_maskz_loadu_epi8(valid, bt + r * ldbt);
    quad(row);
  }
  if (i < k) {
    for (int r = 0; r < 4; ++r) {
      row[r] = _mm512_maskz_loadu_epi8(i + r < k ? valid : 0, bt + r * ldbt);
    }
    quad(row);
  }
  for (int p = 0; p < P; ++p) _mm512_storeu_si512(sums + p * kCols, sum[p]);
}

void pack_transposed(const std::int8_t* bt, std::ptrdiff_t ldbt, int n, int k, std::byte* packed) {
  constexpr decltype(&pack_columns<1>) kPackColumns[] = {pack_columns<1>, pack_columns<2>,
                                                         pack_columns<3>, pack_columns<4>};
  auto* sums = reinterpret_cast<std::int32_t*>(packed);
  for (int j = 0; j < n; j += 4 * kCols) {
    kPackColumns[std::min(4, panels(n - j)) - 1](bt + j, ldbt, first_bytes(n - j), k,
                                                 panel_of(packed, n, k, j), sums + j);
  }
}

// Positions -> codes and residuals. Adding kRound leaves the rounded number in the low bits.
struct Rounder {
  static constexpr float kRound = 12582912.0F;  // 1.5 * 2^23

  explicit Rounder(const OutputGrid& grid)
      : low(_mm512_set1_ps(static_cast<float>(grid.low - grid.zero))),
        high(_mm512_set1_ps(static_cast<float>(grid.high - grid.zero))),
        zero(_mm512_set1_epi32(grid.zero)) {}

  __m512 shifted(__m512 t) const {
    return _mm512_add_ps(_mm512_min_ps(_mm512_max_ps(t, low), high), _mm512_set1_ps(kRound));
  }
  __m128i code(__m512 shifted_t) const {
    return _mm512_cvtepi32_epi8(_mm512_add_epi32(_mm512_castps_si512(shifted_t), zero));
  }
  __m128i residual(__m512 t, __m512 shifted_t) const {
    const __m512 round = _mm512_set1_ps(kRound);
    const __mmask16 inside =
        _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(t, low, _CMP_GT_OQ), t, high, _CMP_LT_OQ);
    const __m512 error = _mm512_sub_ps(_mm512_sub_ps(shifted_t, round), t);
    const __m512 steps = _mm512_add_ps(_mm512_mul_ps(error, _mm512_set1_ps(kResidualSteps)), round);
    return _mm512_cvtepi32_epi8(
        _mm512_mask_mov_epi32(_mm512_set1_epi32(kClipped), inside, _mm512_castps_si512(steps)));
  }

  __m512 low, high;
  __m512i zero;
};

// Codes of 16 columns of four rows, from their accumulators kWide apart: row r in the 16 bytes r.
// Conversion and saturation do what a clamp to low would, but for low itself.
__m512i four_rows(const std::int32_t* acc, __m512 mult, __m512 high, __m512i zero, __m512i low) {
  const auto rounded = [&](int r) {
    const __m512 t = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_load_si512(acc + r * kWide)), mult);
    return _mm512_cvtps_epi32(_mm512_min_ps(t, high));
  };
  const __m512i rows01 = _mm512_adds_epi16(_mm512_packs_epi32(rounded(0), rounded(1)), zero);
  const __m512i rows23 = _mm512_adds_epi16(_mm512_packs_epi32(rounded(2), rounded(3)), zero);
  const __m512i codes = _mm512_max_epu8(_mm512_packus_epi16(rows01, rows23), low);
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm512_permutexvar_epi32(order, codes);
}

// As round_rows(), codes alone; at least four rows.
void round_codes(const QgemmArgs& g, int i, int rows, int j, int cols, const std::int32_t* acc) {
  const __m512 high = _mm512_set1_ps(static_cast<float>(g.grid.high - g.grid.zero));
  const __m512i zero = _mm512_set1_epi16(static_cast<short>(g.grid.zero));
  const __m512i low = _mm512_set1_epi8(static_cast<char>(g.grid.low));
  const std::ptrdiff_t ldy = g.ldy;
  for (int c = 0; c < cols; c += kCols) {
    const auto valid = static_cast<__mmask16>(first_bytes(std::min(kCols, cols - c)));
    const __m512 mult = _mm512_maskz_loadu_ps(valid, g.mult + j + c);
    std::uint8_t* y = g.y + i * ldy + j + c;
    for (int next = 0; next < rows; next += 4) {
      const int r = std::min(next, rows - 4);  // the last may come twice
      const __m512i codes = four_rows(acc + r * kWide + c, mult, high, zero, low);
      const __m128i row[4] = {_mm512_castsi512_si128(codes), _mm512_extracti32x4_epi32(codes, 1),
                              _mm512_extracti32x4_epi32(codes, 2),
                              _mm512_extracti32x4_epi32(codes, 3)};
      std::uint8_t* to = y + r * ldy;
      for (int k = 0; k < 4; ++k, to += ldy) {
        if (valid == 0xFFFF) {
          _mm_storeu_si128(reinterpret_cast<__m128i*>(to), row[k]);
        } else {
          _mm_mask_storeu_epi8(to, valid, row[k]);
        }
      }
    }
  }
}

// Rows i .., columns j .. of the outputs from their accumulators, [rows][kWide].
template <bool kWithResidual>
void round_rows(const QgemmArgs& g, int i, int rows, int j, int cols, const std::int32_t* acc) {
  const Rounder rounder(g.grid);
  for (int c = 0; c < cols; c += kCols) {
    const auto valid = static_cast<__mmask16>(first_bytes(std::min(kCols, cols - c)));
    const __m512 mult = _mm512_maskz_loadu_ps(valid, g.mult + j + c);
    const std::int32_t* from = acc + c;
    std::uint8_t* y = g.y + i * g.ldy + j + c;
    std::int8_t* residual = kWithResidual ? g.residual + i * g.ldresidual + j + c : nullptr;
    std::int32_t* copy = g.acc != nullptr ? g.acc + i * g.ldacc + j + c : nullptr;
    const std::ptrdiff_t ldy = g.ldy, ldresidual = g.ldresidual, ldacc = g.ldacc;
    for (int r = 0; r < rows; ++r, from += kWide, y += ldy, residual += ldresidual) {
      const __m512i sum = _mm512_load_si512(from);
      if (copy != nullptr) {
        _mm512_mask_storeu_epi32(copy, valid, sum);
        copy += ldacc;
      }
      const __m512 t = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), mult);
      const __m512 shifted = rounder.shifted(t);
      _mm_mask_storeu_epi8(y, valid, rounder.code(shifted));
      if (kWithResidual) _mm_mask_storeu_epi8(residual, valid, rounder.residual(t, shifted));
    }
  }
}

// Rows i .. i+count-1, which lie one after the other, of columns j .. j+cols-1.
void run_rows(const QgemmArgs& g, int i, int count, const std::uint8_t* a, int j, int cols,
              Tile& t) {
  alignas(64) std::int32_t scratch[kRoundTiles * kTileRows * kWide];
  const bool rounded = g.y != nullptr;
  const auto* tile = cols > kCols ? kTiles<false, 2> : kTiles<false, 1>;
  for (const RowTiles::Run& r : RowTiles(count, kTileRows).runs) {
    for (int done = 0; done < r.tiles; done += t.tiles) {
      t.tiles = rounded ? std::min(kRoundTiles, r.tiles - done) : r.tiles;
      t.rows = a;
      t.acc = rounded ? scratch : g.acc + i * g.ldacc + j;
      tile[r.rows - 1](t);
      const int rows = t.tiles * r.rows;
      if (rounded && g.residual != nullptr) {
        round_rows<true>(g, i, rows, j, cols, scratch);
      } else if (rounded && (g.acc != nullptr || rows < 4)) {
        round_rows<false>(g, i, rows, j, cols, scratch);
      } else if (rounded) {
        round_codes(g, i, rows, j, cols, scratch);
      }
      i += rows;
      a += rows * g.lda;
    }
  }
}

void run(const QgemmArgs& g) {
  const auto* sums = reinterpret_cast<const std::int32_t*>(g.b_packed);
  const auto* b = reinterpret_cast<const std::int8_t*>(sums + std::ptrdiff_t{panels(g.n)} * kCols);
  const __m512i a_zero = _mm512_set1_epi32(g.a_zero);
  const bool rounded = g.y != nullptr;
  const int group = g.group_rows > 0 ? g.group_rows : g.m;
  alignas(64) std::int32_t start[kWide];
  for (int i0 = 0; i0 < g.m; i0 += kRowBlock) {
    const int rows = std::min(kRowBlock, g.m - i0);
    for (int j = 0; j < g.n; j += kWide) {
      const int cols = std::min(kWide, g.n - j);
      for (int c = 0; c < cols; c += kCols) {
        const auto valid = static_cast<__mmask16>(first_bytes(std::min(kCols, cols - c)));
        const __m512i bias = g.bias != nullptr ? _mm512_maskz_loadu_epi32(valid, g.bias + j + c)
                                               : _mm512_setzero_si512();
        const __m512i shift = _mm512_mullo_epi32(a_zero, _mm512_loadu_si512(sums + j + c));
        _mm512_store_si512(start + c, _mm512_sub_epi32(bias, shift));
      }
      Tile t{};
      t.row_stride = g.lda;
      t.row_quad = 4;
      t.panels = b + (j / kCols) * panel_bytes(g.k);
      t.panel_stride = panel_bytes(g.k);
      t.panel_quad = kCols * 4;
      t.quads = g.runs > 1 ? g.k / g.runs / 4 : quads(g.k);
      t.runs = g.runs;
      t.run_stride = g.run_stride;
      t.start = start;
      t.last = rounded ? 0xFFFF : static_cast<__mmask16>(first_bytes((cols - 1) % kCols + 1));
      t.ldacc = rounded ? kWide : g.ldacc;
      for (int i = i0; i < i0 + rows;) {
        const int in_group = i % group, count = std::min(group - in_group, i0 + rows - i);
        run_rows(g, i, count, g.a + i / group * g.group_stride + in_group * g.lda, j, cols, t);
        i += count;
      }
    }
  }
}

}  // namespace

const QgemmKernel kQgemmAvx512Vnni = {
    "avx512vnni", Isa::kAvx512Vnni, packed_bytes, pack, pack_transposed, run, true};

}  // namespace fedqat::kernels
