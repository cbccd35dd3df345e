#include <algorithm>

#include "common/kernels/qgemm/qgemm_tables.h"
#include "common/kernels/qgemm/vnni512.h"

namespace fedqat::kernels {
namespace {

constexpr int kWide = 2 * kCols;  // columns of a tile
// Rows that are taken through all columns together; they stay in L2.
constexpr int kRowBlock = 16 * kTileRows;

int quads(int k) { return (k + 3) / 4; }
int panels(int n) { return (n + kCols - 1) / kCols; }
std::ptrdiff_t panel_bytes(int k) { return std::ptrdiff_t{quads(k)} * kCols * 4; }

// Packed: s32 sums of the columns [panels][16], then s8 [panels][quads][16 columns][4].
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

void pack_transposed(const std::int8_t* bt, std::ptrdiff_t ldbt, int n, int k, std::byte* packed) {
  auto* sums = reinterpret_cast<std::int32_t*>(packed);
  const __m512i ones = _mm512_set1_epi8(1);
  for (int j0 = 0; j0 < n; j0 += 4 * kCols) {
    const __mmask64 valid = first_bytes(n - j0);
    const int width = std::min(4, panels(n - j0));
    std::int8_t* panel = panel_of(packed, n, k, j0);
    __m512i sum[4] = {};
    for (int q = 0; q < quads(k); ++q) {
      __m512i row[4], v[4];
      for (int r = 0; r < 4; ++r) {
        row[r] = _mm512_maskz_loadu_epi8(4 * q + r < k ? valid : 0, bt + (4 * q + r) * ldbt + j0);
      }
      interleave(row, v);
      for (int p = 0; p < width; ++p) {
        sum[p] = _mm512_dpbusd_epi32(sum[p], ones, v[p]);
        _mm512_store_si512(panel + p * panel_bytes(k) + std::ptrdiff_t{q} * kCols * 4, v[p]);
      }
    }
    for (int p = 0; p < width; ++p) _mm512_storeu_si512(sums + j0 + p * kCols, sum[p]);
  }
}

// acc -> codes and residuals.
struct Rounder {
  explicit Rounder(const OutputGrid& grid)
      : low(_mm512_set1_ps(static_cast<float>(grid.low - grid.zero))),
        high(_mm512_set1_ps(static_cast<float>(grid.high - grid.zero))),
        zero(_mm512_set1_epi32(grid.zero)) {}

  static __m512i nearest(__m512 t) {
    return _mm512_cvt_roundps_epi32(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  __m128i codes(__m512 t, __m128i& residual) const {
    const __m512i r = nearest(_mm512_min_ps(_mm512_max_ps(t, low), high));
    const __mmask16 inside =
        _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(t, low, _CMP_GT_OQ), t, high, _CMP_LT_OQ);
    const __m512 error = _mm512_sub_ps(_mm512_cvtepi32_ps(r), t);
    const __m512i steps = nearest(_mm512_mul_ps(error, _mm512_set1_ps(kResidualSteps)));
    residual =
        _mm512_cvtepi32_epi8(_mm512_mask_mov_epi32(_mm512_set1_epi32(kClipped), inside, steps));
    return _mm512_cvtepi32_epi8(_mm512_add_epi32(r, zero));
  }

  __m512 low, high;
  __m512i zero;
};

// Masked stores of bytes are slow on some processors, so whole vectors go without.
void store_bytes(void* to, __mmask16 valid, __m128i bytes) {
  if (valid == 0xFFFF) {
    _mm_storeu_si128(static_cast<__m128i*>(to), bytes);
  } else {
    _mm_mask_storeu_epi8(to, valid, bytes);
  }
}

// Rounds a tile: rows i .., columns j ...
void round_tile(const QgemmArgs& g, int i, int rows, int j, int cols, const std::int32_t* acc,
                std::ptrdiff_t ldacc) {
  const Rounder rounder(g.grid);
  for (int c = 0; c < cols; c += kCols) {
    const auto valid = static_cast<__mmask16>(first_bytes(std::min(kCols, cols - c)));
    const __m512 mult = _mm512_maskz_loadu_ps(valid, g.mult + j + c);
    for (int r = 0; r < rows; ++r) {
      const __m512i sum = _mm512_maskz_loadu_epi32(valid, acc + r * ldacc + c);
      __m128i residual;
      const __m128i y = rounder.codes(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), mult), residual);
      store_bytes(g.y + (i + r) * g.ldy + j + c, valid, y);
      if (g.residual == nullptr) continue;
      store_bytes(g.residual + (i + r) * g.ldresidual + j + c, valid, residual);
    }
  }
}

void run(const QgemmArgs& g) {
  const auto* sums = reinterpret_cast<const std::int32_t*>(g.b_packed);
  const auto* b = reinterpret_cast<const std::int8_t*>(sums + std::ptrdiff_t{panels(g.n)} * kCols);
  const __m512i a_zero = _mm512_set1_epi32(g.a_zero);
  alignas(64) std::int32_t start[kWide];
  alignas(64) std::int32_t scratch[kTileRows * kWide];
  for (int i0 = 0; i0 < g.m; i0 += kRowBlock) {
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
      t.quads = quads(g.k);
      t.start = start;
      t.last = static_cast<__mmask16>(first_bytes((cols - 1) % kCols + 1));
      t.ldacc = g.acc != nullptr ? g.ldacc : kWide;
      const auto* tile = cols > kCols ? kTiles<false, 2> : kTiles<false, 1>;
      int i = i0;
      for (const RowTiles::Run& r : RowTiles(std::min(kRowBlock, g.m - i0)).runs) {
        // Tiles that are rounded are so one by one, while in L1.
        t.tiles = g.y == nullptr ? r.tiles : 1;
        for (int done = 0; done < r.tiles; done += t.tiles, i += r.rows * t.tiles) {
          t.rows = g.a + i * g.lda;
          t.acc = g.acc != nullptr ? g.acc + i * g.ldacc + j : scratch;
          tile[r.rows - 1](t);
          if (g.y != nullptr) round_tile(g, i, r.rows, j, cols, t.acc, t.ldacc);
        }
      }
    }
  }
}

}  // namespace

const QgemmKernel kQgemmAvx512Vnni = {"avx512vnni", Isa::kAvx512Vnni, packed_bytes,
                                      pack,         pack_transposed,  run};

}  // namespace fedqat::kernels
