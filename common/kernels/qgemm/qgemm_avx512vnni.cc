// vpdpbusd multiplies four u8 by four s8 and adds all into s32: a enters as it is, four codes of a
// row broadcast to all columns of a panel.
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "common/kernels/qgemm/qgemm_tables.h"

namespace fedqat::kernels {
namespace {

constexpr int kCols = 16;        // columns of a panel: one vector of s32
constexpr int kRows = 12;        // rows of a tile, two panels wide: 24 accumulators
constexpr int kQuadBlock = 256;  // quads of depth per pass: two panels of it are 32 KiB
constexpr int kRowBlock = 8 * kRows;

int quads(int k) { return (k + 3) / 4; }
int panels(int n) { return (n + kCols - 1) / kCols; }
std::ptrdiff_t panel_bytes(int k) { return std::ptrdiff_t{quads(k)} * kCols * 4; }

// Packed: s32 sums of the columns [panels][16], then s8 [panels][quads][16 columns][4].
std::size_t packed_bytes(int n, int k) {
  return static_cast<std::size_t>(panels(n)) *
         (kCols * sizeof(std::int32_t) + static_cast<std::size_t>(panel_bytes(k)));
}

void pack(const std::int8_t* b, std::ptrdiff_t ldb, int n, int k, std::byte* packed) {
  auto* sums = reinterpret_cast<std::int32_t*>(packed);
  auto* out = reinterpret_cast<std::int8_t*>(sums + std::ptrdiff_t{panels(n)} * kCols);
  const __m512i ones = _mm512_set1_epi8(1);
  for (int j0 = 0; j0 < n; j0 += kCols) {
    const int cols = std::min(kCols, n - j0);
    std::int8_t* panel = out + (j0 / kCols) * panel_bytes(k);
    __m512i sum = _mm512_setzero_si512();
    for (int q = 0; q < quads(k); ++q) {
      const int left = std::min(4, k - 4 * q);
      alignas(64) std::int8_t quad[kCols * 4] = {};
      const std::int8_t* from = b + j0 * ldb + 4 * q;
      if (left == 4) {
        for (int c = 0; c < cols; ++c) std::memcpy(quad + 4 * c, from + c * ldb, 4);
      } else {
        for (int c = 0; c < cols; ++c) {
          for (int t = 0; t < left; ++t) quad[4 * c + t] = from[c * ldb + t];
        }
      }
      const __m512i v = _mm512_load_si512(quad);
      sum = _mm512_dpbusd_epi32(sum, ones, v);
      _mm512_store_si512(panel + std::ptrdiff_t{q} * kCols * 4, v);
    }
    _mm512_storeu_si512(sums + j0, sum);
  }
}

struct Tile {
  const std::uint8_t* a;
  std::ptrdiff_t lda;
  const std::int8_t* b;  // P panels, panel_stride bytes apart
  std::ptrdiff_t panel_stride;
  int quads;
  const std::int32_t* start;  // offsets of the columns in the first pass, null later
  std::int32_t* acc;
  std::ptrdiff_t ldacc;
  __mmask16 last;  // valid columns of the last panel
};

template <int R, int P>
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
  for (int q = 0; q < t.quads; ++q) {
    __m512i col[P];
    for (int p = 0; p < P; ++p) {
      col[p] = _mm512_load_si512(t.b + p * t.panel_stride + std::ptrdiff_t{q} * kCols * 4);
    }
    for (int r = 0; r < R; ++r) {
      std::int32_t four;
      std::memcpy(&four, t.a + r * t.lda + 4 * q, sizeof four);
      const __m512i row = _mm512_set1_epi32(four);
      for (int p = 0; p < P; ++p) sum[r][p] = _mm512_dpbusd_epi32(sum[r][p], row, col[p]);
    }
  }
  for (int p = 0; p < P; ++p) {
    const __mmask16 valid = p == P - 1 ? t.last : 0xFFFF;
    for (int r = 0; r < R; ++r) {
      _mm512_mask_storeu_epi32(t.acc + r * t.ldacc + p * kCols, valid, sum[r][p]);
    }
  }
}

// Entry r - 1 handles r rows.
template <int P>
constexpr void (*kTiles[kRows])(const Tile&) = {tile<1, P>, tile<2, P>,  tile<3, P>,  tile<4, P>,
                                                tile<5, P>, tile<6, P>,  tile<7, P>,  tile<8, P>,
                                                tile<9, P>, tile<10, P>, tile<11, P>, tile<12, P>};

void run(const QgemmArgs& g) {
  const auto* sums = reinterpret_cast<const std::int32_t*>(g.b_packed);
  const auto* b = reinterpret_cast<const std::int8_t*>(sums + std::ptrdiff_t{panels(g.n)} * kCols);
  const std::ptrdiff_t stride = panel_bytes(g.k);
  for (int i0 = 0; i0 < g.m; i0 += kRowBlock) {
    const int i1 = std::min(g.m, i0 + kRowBlock);
    for (int j = 0; j < g.n; j += 2 * kCols) {
      const int cols = std::min(2 * kCols, g.n - j);
      const int wide = cols > kCols ? 2 : 1;
      const int tail = cols - (wide - 1) * kCols;
      alignas(64) std::int32_t start[2 * kCols] = {};
      for (int c = 0; c < cols; ++c) start[c] = g.bias[j + c] - g.a_zero * sums[j + c];
      for (int q0 = 0; q0 < quads(g.k); q0 += kQuadBlock) {
        Tile t{};
        t.lda = g.lda;
        t.ldacc = g.ldacc;
        t.b = b + (j / kCols) * stride + std::ptrdiff_t{q0} * kCols * 4;
        t.panel_stride = stride;
        t.quads = std::min(kQuadBlock, quads(g.k) - q0);
        t.start = q0 == 0 ? start : nullptr;
        t.last = static_cast<__mmask16>((1U << tail) - 1);
        for (int i = i0; i < i1; i += kRows) {
          t.a = g.a + i * g.lda + 4 * q0;
          t.acc = g.acc + i * g.ldacc + j;
          const int r = std::min(kRows, i1 - i);
          (wide == 2 ? kTiles<2> : kTiles<1>)[r - 1](t);
        }
      }
    }
  }
}

}  // namespace

const QgemmKernel kQgemmAvx512Vnni = {"avx512vnni", Isa::kAvx512Vnni, packed_bytes, pack, run};

}  // namespace fedqat::kernels
