// The product with 256-bit vectors, after unit_avx2.h or unit_avxvnni.h.
//
// Packed: s32 sums of the columns [pairs][16], then pairs of panels of Codes
// [steps][2][8 columns][kStep].
#pragma once

#include <algorithm>

#include "common/kernels/qgemm/qgemm_round.h"
#include "common/kernels/qgemm/row_tiles.h"

namespace fedqat::kernels {
namespace {

constexpr std::ptrdiff_t kPairStep = 64;      // bytes of a step of a pair of panels
constexpr int kRowBlock = 16 * kTileRows;     // rows that are taken through all columns together
constexpr int kWidened = 24 * 1024;           // codes of rows that are widened together
// Depths of a tile at once; those beyond continue its sums.
constexpr int kMostDepth = sizeof(Code) == 1 ? kMaxDepth : kWidened / kTileRows;

int steps(int k) { return (k + kStep - 1) / kStep; }
int pairs(int n) { return (n + kWide - 1) / kWide; }
std::ptrdiff_t pair_bytes(int k) { return steps(k) * kPairStep; }

std::size_t packed_bytes(int n, int k) {
  return static_cast<std::size_t>(pairs(n)) *
         (kWide * sizeof(std::int32_t) + static_cast<std::size_t>(pair_bytes(k)));
}

std::byte* panel_of(std::byte* packed, int n, int k, int j) {
  return packed + pairs(n) * kWide * static_cast<std::ptrdiff_t>(sizeof(std::int32_t)) +
         j / kWide * pair_bytes(k) + j % kWide / kCols * 32;
}

// One panel from rows of b, `cols` of them.
void pack_panel(const std::int8_t* b, std::ptrdiff_t ldb, int cols, int k, std::byte* panel,
                std::int32_t* sums) {
  __m256i sum = _mm256_setzero_si256();
  for (int p = 0; p < k; p += kVectorDepth, panel += 8 * kPairStep) {
    __m256i v[8];
    if (cols == kCols && p + kVectorDepth <= k) {
#pragma GCC unroll 8
      for (int c = 0; c < kCols; ++c) v[c] = load_codes(b + c * ldb + p);
    } else {
      std::int8_t edge[kCols][kVectorDepth] = {};
      const auto bytes = static_cast<std::size_t>(std::min(kVectorDepth, k - p));
      for (int c = 0; c < cols; ++c) std::memcpy(edge[c], b + c * ldb + p, bytes);
      for (int c = 0; c < kCols; ++c) v[c] = load_codes(edge[c]);
    }
    transpose(v);
    const int count = std::min(8, steps(k - p));
#pragma GCC unroll 8
    for (int s = 0; s < 8; ++s) {
      if (s == count) break;
      sum = add_columns(sum, v[s]);
      store256(panel + s * kPairStep, v[s]);
    }
  }
  store256(sums, sum);
}

void pack(const std::int8_t* b, std::ptrdiff_t ldb, int n, int k, std::byte* packed) {
  auto* sums = reinterpret_cast<std::int32_t*>(packed);
  for (int j = 0; j < pairs(n) * kWide; j += kCols) {
    const int cols = std::clamp(n - j, 0, kCols);
    pack_panel(b + (cols > 0 ? j * ldb : 0), ldb, cols, k, panel_of(packed, n, k, j), sums + j);
  }
}

void pack_transposed(const std::int8_t* bt, std::ptrdiff_t ldbt, int n, int k, std::byte* packed) {
  constexpr int kTogether = kCols * kStep;  // columns of a vector of Codes: kStep panels
  std::fill_n(packed, pairs(n) * kWide * sizeof(std::int32_t), std::byte{});
  auto* sums = reinterpret_cast<std::int32_t*>(packed);
  for (int j = 0; j < n; j += kTogether) {
    const int cols = std::min(kTogether, n - j);
    const int panels = std::min(kStep, pairs(n - j) * 2);
    __m256i sum[kStep] = {};
    for (int s = 0; s < steps(k); ++s) {
      const int depth = std::min(kStep, k - s * kStep);
      const std::int8_t* from = bt + s * kStep * ldbt + j;
      __m256i row[kStep], v[kStep];
      if (depth == kStep && cols == kTogether) {
#pragma GCC unroll 4
        for (int r = 0; r < kStep; ++r) row[r] = load_codes(from + r * ldbt);
      } else {
        std::int8_t edge[kStep][kTogether] = {};
        for (int r = 0; r < depth; ++r) {
          std::memcpy(edge[r], from + r * ldbt, static_cast<std::size_t>(cols));
        }
        for (int r = 0; r < kStep; ++r) row[r] = load_codes(edge[r]);
      }
      interleave(row, v);
#pragma GCC unroll 4
      for (int p = 0; p < kStep; ++p) {
        if (p == panels) break;
        sum[p] = add_columns(sum[p], v[p]);
        store256(panel_of(packed, n, k, j + p * kCols) + s * kPairStep, v[p]);
      }
    }
    for (int p = 0; p < panels; ++p) store256(sums + j + p * kCols, sum[p]);
  }
}

// Rows of `a` as the tiles take them, each `depth` codes or a few more.
struct Rows {
  const void* data;
  std::ptrdiff_t stride;  // bytes
};

// Bytes stay where they are; s16 go to `widened`.
Rows rows_of(const QgemmArgs& g, int i, int rows, int k0, int depth, Code* widened) {
  const std::uint8_t* a = g.a + i * g.lda + k0;
  if constexpr (sizeof(Code) == 1) {
    return {a, g.lda};
  } else {
    const int stride = steps(depth) * kStep;
    for (int r = 0; r < rows; ++r, a += g.lda) {
      Code* to = widened + r * stride;
      int p = 0;
      for (; p + kVectorDepth <= depth; p += kVectorDepth) store256(to + p, load_codes(a + p));
      for (; p < stride; ++p) to[p] = p < depth ? a[p] : std::uint8_t{0};
    }
    return {widened, stride * static_cast<std::ptrdiff_t>(sizeof(Code))};
  }
}

// The columns of a tile.
struct Columns {
  int j, count;
  const std::byte* panels;
  std::int32_t start[kWide];
};

Columns columns_at(const QgemmArgs& g, int j) {
  const auto* sums = reinterpret_cast<const std::int32_t*>(g.b_packed) + j;
  Columns c{};
  c.j = j;
  c.count = std::min(kWide, g.n - j);
  c.panels = g.b_packed + pairs(g.n) * kWide * static_cast<std::ptrdiff_t>(sizeof(std::int32_t)) +
             j / kWide * pair_bytes(g.k);
  for (int i = 0; i < c.count; ++i) {
    c.start[i] = (g.bias != nullptr ? g.bias[j + i] : 0) - g.a_zero * sums[i];
  }
  return c;
}

// One tile over depths k0 .. k0+depth-1. Results wait in `acc` (of stride ldacc) for the next.
void run_tile(const Columns& c, int rows, const Rows& a, int k0, int depth, std::int32_t* acc,
              std::ptrdiff_t ldacc) {
  static constexpr std::int32_t kZeros[kWide] = {};
  Tile t{};
  t.rows = a.data;
  t.row_stride = a.stride;
  t.row_step = 4;
  t.panels = c.panels + k0 / kStep * kPairStep;
  t.panel_step = kPairStep;
  t.steps = steps(depth);
  t.start = k0 == 0 ? c.start : kZeros;
  t.accumulate = k0 > 0;
  t.acc = acc;
  t.ldacc = ldacc;
  (c.count > kCols ? kTiles<false, 2> : kTiles<false, 1>)[rows - 1](t);
}

// Outputs of a tile from its accumulators.
void finish(const QgemmArgs& g, const Columns& c, int i, int rows, const std::int32_t* acc,
            std::ptrdiff_t ldacc) {
  for (int r = 0; r < rows; ++r, acc += ldacc) {
    std::int32_t* to = g.acc != nullptr ? g.acc + (i + r) * g.ldacc + c.j : nullptr;
    if (to != nullptr && to != acc) std::copy_n(acc, c.count, to);
    if (g.y != nullptr) qgemm_round(g, i + r, c.j, c.count, acc);
  }
}

void run(const QgemmArgs& g) {
  alignas(32) Code widened[sizeof(Code) == 1 ? 1 : kWidened];
  alignas(32) std::int32_t scratch[kTileRows * kWide];
  const bool deep = g.k > kMostDepth;
  const int fit = std::max(1, kWidened / (steps(std::min(g.k, kMostDepth)) * kStep) / kTileRows);
  const int block = deep ? kTileRows : std::min(kRowBlock, fit * kTileRows);
  for (int i0 = 0; i0 < g.m; i0 += block) {
    const int rows = std::min(block, g.m - i0);
    Rows a{};
    if (!deep) a = rows_of(g, i0, rows, 0, g.k, widened);
    for (int j = 0; j < g.n; j += kWide) {
      const Columns c = columns_at(g, j);
      const bool direct = g.acc != nullptr && c.count == kWide;
      int i = i0;
      for (const RowTiles::Run& r : RowTiles(rows, kTileRows).runs) {
        for (int n = 0; n < r.tiles; ++n, i += r.rows) {
          std::int32_t* acc = direct ? g.acc + i * g.ldacc + j : scratch;
          const std::ptrdiff_t ldacc = direct ? g.ldacc : kWide;
          if (deep) {
            for (int k0 = 0; k0 < g.k; k0 += kMostDepth) {
              const int depth = std::min(kMostDepth, g.k - k0);
              run_tile(c, r.rows, rows_of(g, i, r.rows, k0, depth, widened), k0, depth, acc, ldacc);
            }
          } else {
            const Rows from{static_cast<const std::byte*>(a.data) + (i - i0) * a.stride, a.stride};
            run_tile(c, r.rows, from, 0, g.k, acc, ldacc);
          }
          finish(g, c, i, r.rows, acc, ldacc);
        }
      }
    }
  }
}

}  // namespace
}  // namespace fedqat::kernels
