// Exact on AVX2: both sides widened to s16 and multiplied by vpmaddwd, whose pair sums cannot
// overflow. (vpmaddubsw would be twice as fast and saturates: 255 * 127 * 2 > 2^15.)
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "common/kernels/qgemm/qgemm_round.h"
#include "common/kernels/qgemm/qgemm_tables.h"

namespace fedqat::kernels {
namespace {

constexpr int kCols = 8;          // columns of a panel: one vector of s32
constexpr int kRows = 4;          // rows of a tile, two panels wide: 8 accumulators
constexpr int kDepthBlock = 512;  // 4 rows of it as s16 stay in L1

int pairs(int k) { return (k + 1) / 2; }
int panels(int n) { return (n + kCols - 1) / kCols; }
std::ptrdiff_t panel_elements(int k) { return std::ptrdiff_t{pairs(k)} * kCols * 2; }

// Packed: sums of the columns as s32 [panels][8], then s16 [panels][pairs][8 columns][2].
std::size_t packed_bytes(int n, int k) {
  return static_cast<std::size_t>(panels(n)) *
         (kCols * sizeof(std::int32_t) +
          static_cast<std::size_t>(panel_elements(k)) * sizeof(std::int16_t));
}

void pack_strided(const std::int8_t* b, std::ptrdiff_t row, std::ptrdiff_t col, int n, int k,
                  std::byte* packed) {
  std::memset(packed, 0, packed_bytes(n, k));
  auto* sums = reinterpret_cast<std::int32_t*>(packed);
  auto* out = reinterpret_cast<std::int16_t*>(sums + std::ptrdiff_t{panels(n)} * kCols);
  for (int j = 0; j < n; ++j) {
    std::int16_t* panel = out + (j / kCols) * panel_elements(k) + (j % kCols) * 2;
    for (int p = 0; p < k; ++p) {
      panel[std::ptrdiff_t{p / 2} * kCols * 2 + p % 2] = b[j * row + p * col];
      sums[j] += b[j * row + p * col];
    }
  }
}

void pack(const std::int8_t* b, std::ptrdiff_t ldb, int n, int k, std::byte* packed) {
  pack_strided(b, ldb, 1, n, k, packed);
}

void pack_transposed(const std::int8_t* bt, std::ptrdiff_t ldbt, int n, int k, std::byte* packed) {
  pack_strided(bt, 1, ldbt, n, k, packed);
}

// acc[R rows, P panels] += rows (s16, from `a16`) times panels, over `np` pairs.
template <int R, int P>
void tile(const std::int16_t* a16, const std::int16_t* b, std::ptrdiff_t panel_stride, int np,
          std::int32_t* acc, std::ptrdiff_t ldacc) {
  __m256i sum[R][P];
  for (int r = 0; r < R; ++r) {
    for (int p = 0; p < P; ++p) {
      sum[r][p] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(acc + r * ldacc + p * kCols));
    }
  }
  for (int q = 0; q < np; ++q) {
    __m256i col[P];
    for (int p = 0; p < P; ++p) {
      col[p] = _mm256_load_si256(
          reinterpret_cast<const __m256i*>(b + p * panel_stride + std::ptrdiff_t{q} * kCols * 2));
    }
    for (int r = 0; r < R; ++r) {
      std::int32_t pair;
      std::memcpy(&pair, a16 + std::ptrdiff_t{r} * kDepthBlock + 2 * q, sizeof pair);
      const __m256i row = _mm256_set1_epi32(pair);
      for (int p = 0; p < P; ++p) {
        sum[r][p] = _mm256_add_epi32(sum[r][p], _mm256_madd_epi16(row, col[p]));
      }
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int p = 0; p < P; ++p) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(acc + r * ldacc + p * kCols), sum[r][p]);
    }
  }
}

template <int P>
void rows(int r, const std::int16_t* a16, const std::int16_t* b, std::ptrdiff_t panel_stride,
          int np, std::int32_t* acc, std::ptrdiff_t ldacc) {
  switch (r) {
    case 4:
      return tile<4, P>(a16, b, panel_stride, np, acc, ldacc);
    case 3:
      return tile<3, P>(a16, b, panel_stride, np, acc, ldacc);
    case 2:
      return tile<2, P>(a16, b, panel_stride, np, acc, ldacc);
    default:
      return tile<1, P>(a16, b, panel_stride, np, acc, ldacc);
  }
}

void run(const QgemmArgs& g) {
  const auto* sums = reinterpret_cast<const std::int32_t*>(g.b_packed);
  const auto* b = reinterpret_cast<const std::int16_t*>(sums + std::ptrdiff_t{panels(g.n)} * kCols);
  const std::ptrdiff_t stride = panel_elements(g.k);
  alignas(32) std::int16_t a16[kRows * kDepthBlock];
  for (int i = 0; i < g.m; i += kRows) {
    const int r = std::min(kRows, g.m - i);
    for (int j = 0; j < g.n; j += 2 * kCols) {
      const int cols = std::min(2 * kCols, g.n - j);
      // Tiles are computed in a full-width scratch, so narrow ends write no stranger's memory.
      std::int32_t scratch[kRows][2 * kCols] = {};
      for (int row = 0; row < r; ++row) {
        for (int c = 0; c < cols; ++c) {
          scratch[row][c] = (g.bias != nullptr ? g.bias[j + c] : 0) - g.a_zero * sums[j + c];
        }
      }
      for (int k0 = 0; k0 < g.k; k0 += kDepthBlock) {
        const int kb = std::min(kDepthBlock, g.k - k0);
        if (j == 0 || g.k > kDepthBlock) {
          for (int row = 0; row < r; ++row) {
            const std::uint8_t* a = g.a + (i + row) * g.lda + k0;
            for (int p = 0; p < kb; ++p) a16[row * kDepthBlock + p] = a[p];
            if (kb % 2 != 0) a16[row * kDepthBlock + kb] = 0;
          }
        }
        const std::int16_t* panel = b + (j / kCols) * stride + std::ptrdiff_t{k0 / 2} * kCols * 2;
        if (cols > kCols) {
          rows<2>(r, a16, panel, stride, pairs(kb), scratch[0], 2 * kCols);
        } else {
          rows<1>(r, a16, panel, stride, pairs(kb), scratch[0], 2 * kCols);
        }
      }
      for (int row = 0; row < r; ++row) {
        if (g.acc != nullptr) {
          std::memcpy(g.acc + (i + row) * g.ldacc + j, scratch[row],
                      static_cast<std::size_t>(cols) * sizeof(std::int32_t));
        }
        if (g.y != nullptr) qgemm_round(g, i + row, j, cols, scratch[row]);
      }
    }
  }
}

}  // namespace

const QgemmKernel kQgemmAvx2 = {"avx2", Isa::kAvx2, packed_bytes, pack, pack_transposed, run};

}  // namespace fedqat::kernels
