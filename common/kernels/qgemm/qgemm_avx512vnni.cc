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

// 16 rows of 16 bytes -> four quads of a panel.
void transpose(const std::int8_t* b, std::ptrdiff_t ldb, __m512i out[4]) {
  const auto piece = [&](int row) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(b + row * ldb));
  };
  __m512i z[4];  // lane l of z[i]: row 4 l + i
  for (int i = 0; i < 4; ++i) {
    z[i] = _mm512_castsi128_si512(piece(i));
    z[i] = _mm512_mask_broadcast_i32x4(z[i], 0x00F0, piece(4 + i));
    z[i] = _mm512_mask_broadcast_i32x4(z[i], 0x0F00, piece(8 + i));
    z[i] = _mm512_mask_broadcast_i32x4(z[i], 0xF000, piece(12 + i));
  }
  const __m512i low01 = _mm512_unpacklo_epi32(z[0], z[1]);
  const __m512i low23 = _mm512_unpacklo_epi32(z[2], z[3]);
  const __m512i high01 = _mm512_unpackhi_epi32(z[0], z[1]);
  const __m512i high23 = _mm512_unpackhi_epi32(z[2], z[3]);
  out[0] = _mm512_unpacklo_epi64(low01, low23);
  out[1] = _mm512_unpackhi_epi64(low01, low23);
  out[2] = _mm512_unpacklo_epi64(high01, high23);
  out[3] = _mm512_unpackhi_epi64(high01, high23);
}

void pack(const std::int8_t* b, std::ptrdiff_t ldb, int n, int k, std::byte* packed) {
  auto* sums = reinterpret_cast<std::int32_t*>(packed);
  const __m512i ones = _mm512_set1_epi8(1);
  for (int j0 = 0; j0 < n; j0 += kCols) {
    const int cols = std::min(kCols, n - j0);
    std::int8_t* panel = panel_of(packed, n, k, j0);
    __m512i sum[4] = {};
    for (int p = 0; p < k; p += 16) {
      const std::int8_t* from = b + j0 * ldb + p;
      __m512i v[4];
      if (cols == kCols && p + 16 <= k) {
        transpose(from, ldb, v);
      } else {
        alignas(64) std::int8_t edge[kCols * 16] = {};
        const auto valid = static_cast<__mmask16>(first_bytes(k - p));
        for (int c = 0; c < cols; ++c) {
          _mm_store_si128(reinterpret_cast<__m128i*>(edge + c * 16),
                          _mm_maskz_loadu_epi8(valid, from + c * ldb));
        }
        transpose(edge, 16, v);
      }
      const int count = std::min(4, quads(k) - p / 4);
      for (int q = 0; q < count; ++q) {
        sum[q] = _mm512_dpbusd_epi32(sum[q], ones, v[q]);
        _mm512_store_si512(panel + std::ptrdiff_t{p / 4 + q} * kCols * 4, v[q]);
      }
    }
    _mm512_storeu_si512(sums + j0, _mm512_add_epi32(_mm512_add_epi32(sum[0], sum[1]),
                                                    _mm512_add_epi32(sum[2], sum[3])));
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

// Codes and residuals of a tile, rows i .., columns j ..; mult, low and high once a vector.
void round_tile(const QgemmArgs& g, int i, int rows, int j, int cols, const std::int32_t* acc,
                std::ptrdiff_t ldacc) {
  const __m512 low = _mm512_set1_ps(static_cast<float>(g.grid.low - g.grid.zero));
  const __m512 high = _mm512_set1_ps(static_cast<float>(g.grid.high - g.grid.zero));
  const __m512i zero = _mm512_set1_epi32(g.grid.zero);
  const __m512 steps = _mm512_set1_ps(kResidualSteps);
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  for (int c = 0; c < cols; c += kCols) {
    const auto valid = static_cast<__mmask16>(first_bytes(std::min(kCols, cols - c)));
    const __m512 mult = _mm512_maskz_loadu_ps(valid, g.mult + j + c);
    std::uint8_t* y = g.y + i * g.ldy + j + c;
    std::int8_t* residual = g.residual + (g.residual != nullptr ? i * g.ldresidual + j + c : 0);
    for (int r = 0; r < rows; ++r, y += g.ldy) {
      const __m512i sum = _mm512_maskz_loadu_epi32(valid, acc + r * ldacc + c);
      const __m512 t = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), mult);
      const __m512 near =
          _mm512_roundscale_ps(_mm512_min_ps(_mm512_max_ps(t, low), high), kNearest);
      _mm512_mask_cvtepi32_storeu_epi8(y, valid, _mm512_add_epi32(_mm512_cvtps_epi32(near), zero));
      if (g.residual == nullptr) continue;
      const __mmask16 inside =
          _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(t, low, _CMP_GT_OQ), t, high, _CMP_LT_OQ);
      const __m512 error =
          _mm512_roundscale_ps(_mm512_mul_ps(_mm512_sub_ps(near, t), steps), kNearest);
      const __m512i code = _mm512_mask_cvtps_epi32(_mm512_set1_epi32(kClipped), inside, error);
      _mm512_mask_cvtepi32_storeu_epi8(residual, valid, code);
      residual += g.ldresidual;
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
    const int i1 = std::min(g.m, i0 + kRowBlock);
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
      for (int i = i0; i < i1;) {
        const int rows = next_rows(i1 - i);
        t.rows = g.a + i * g.lda;
        t.acc = g.acc != nullptr ? g.acc + i * g.ldacc + j : scratch;
        if (cols > kCols) {
          tile_of<false, 2>(rows, t);
        } else {
          tile_of<false, 1>(rows, t);
        }
        if (g.y != nullptr) round_tile(g, i, rows, j, cols, t.acc, t.ldacc);
        i += rows;
      }
    }
  }
}

}  // namespace

const QgemmKernel kQgemmAvx512Vnni = {"avx512vnni", Isa::kAvx512Vnni, packed_bytes,
                                      pack,         pack_transposed,  run};

}  // namespace fedqat::kernels
