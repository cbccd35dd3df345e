// Rows of x are interleaved into quads, block by block, on the stack. A tile is then channels
// (broadcast from g) by columns of x, or, where few columns would leave vectors half empty, columns
// (broadcast from the quads of x) by channels.
#include <algorithm>

#include "common/kernels/qgemm/vnni512.h"
#include "common/kernels/qgemm_tn/qgemm_tn_tables.h"

namespace fedqat::kernels {
namespace {

constexpr int kPair = 2 * kCols;      // columns of a tile
constexpr int kPairQuad = kPair * 4;  // bytes of a quad of them
constexpr int kWide = 2 * kPair;      // columns that are interleaved together: a cache line
constexpr int kBlockQuads = 128;      // and quads: 32 KiB
constexpr int kChannelBlock = 128;    // channels whose sums are on the stack
constexpr int kNarrowRows = 64;       // fewer rows are not worth a transposed output
constexpr std::int32_t kNoStart[kPair + kChannelBlock] = {};

int quads(int m) { return (m + 3) / 4; }
__mmask16 first_columns(int n) { return static_cast<__mmask16>(first_bytes(std::min(kCols, n))); }

// sums[c] = sum over the rows of g[.,c], for c < 4 * kCols * vectors.
void sum_channels(const std::int8_t* g, std::ptrdiff_t ldg, int m, int c, std::int32_t* sums) {
  const __m512i ones = _mm512_set1_epi8(1);
  for (int c0 = 0; c0 < c; c0 += kCols) {
    const __mmask16 valid = first_columns(c - c0);
    __m512i even = _mm512_setzero_si512(), odd = even;
    const std::int8_t* from = g + 4 * c0;
    int q = 0;
    for (; q + 2 <= quads(m); q += 2, from += 2 * ldg) {
      dot(even, ones, _mm512_maskz_loadu_epi32(valid, from));
      dot(odd, ones, _mm512_maskz_loadu_epi32(valid, from + ldg));
    }
    if (q < quads(m)) dot(even, ones, _mm512_maskz_loadu_epi32(valid, from));
    _mm512_storeu_si512(sums + c0, _mm512_add_epi32(even, odd));
  }
}

// Up to 64 columns of x -> two pairs of panels, [pair][kBlockQuads][2][16][4].
void interleave_wide(const std::uint8_t* x, std::ptrdiff_t ldx, int m, int columns,
                     std::uint8_t* out) {
  const __mmask64 valid = first_bytes(columns);
  for (int i = 0; i < m; i += 4, out += kPairQuad) {
    __m512i row[4], v[4];
    for (int r = 0; r < 4; ++r) {
      row[r] = _mm512_maskz_loadu_epi8(i + r < m ? valid : 0, x + (i + r) * ldx);
    }
    interleave(row, v);
    _mm512_store_si512(out, v[0]);
    _mm512_store_si512(out + 64, v[1]);
    _mm512_store_si512(out + kBlockQuads * kPairQuad, v[2]);
    _mm512_store_si512(out + kBlockQuads * kPairQuad + 64, v[3]);
  }
}

// Up to 32 columns of x -> a pair of panels, eight rows at a time.
void interleave_narrow(const std::uint8_t* x, std::ptrdiff_t ldx, int m, int columns,
                       std::uint8_t* out) {
  const auto valid = static_cast<__mmask32>(first_bytes(columns));
  const auto load = [&](int i) { return _mm256_maskz_loadu_epi8(i < m ? valid : 0, x + i * ldx); };
  for (int i = 0; i < m; i += 8, out += 2 * kPairQuad) {
    __m512i row[4], v[4];
    for (int r = 0; r < 4; ++r) {
      row[r] = _mm512_inserti64x4(_mm512_castsi256_si512(load(i + r)), load(i + 4 + r), 1);
    }
    interleave(row, v);
    for (int p = 0; p < 4; ++p) _mm512_store_si512(out + p * 64, v[p]);
  }
}

// A block of channels and its share of the outputs.
struct Block {
  int c, channels;
  std::int32_t* sums;  // of g, and start of acc: minus x_zero times these
  std::int32_t* start;
};

void run_wide(const QgemmTnArgs& a, const Block& block) {
  alignas(64) std::uint8_t packed[kBlockQuads * kPairQuad * 2];
  Tile t{};
  t.row_stride = 4;
  t.row_quad = a.ldg;
  t.panel_stride = 64;
  t.panel_quad = kPairQuad;
  t.ldacc = a.ldacc;
  for (int k = 0; k < a.k; k += kWide) {
    for (int m = 0; m < a.m; m += 4 * kBlockQuads) {
      const int rows = std::min(4 * kBlockQuads, a.m - m);
      const std::uint8_t* x = a.x + m * a.ldx + k;
      if (a.k - k > kPair) {
        interleave_wide(x, a.ldx, rows, a.k - k, packed);
      } else {
        interleave_narrow(x, a.ldx, rows, a.k - k, packed);
      }
      t.quads = quads(rows);
      t.accumulate = m > 0 || a.accumulate;
      for (int j = k; j < std::min(a.k, k + kWide); j += kPair) {
        const int columns = std::min(kPair, a.k - j);
        const auto* tile = columns > kCols ? kTiles<true, 2> : kTiles<true, 1>;
        t.panels = packed + (j - k) / kPair * (kBlockQuads * kPairQuad);
        t.last = first_columns(columns > kCols ? columns - kCols : columns);
        int c = 0;
        for (const RowTiles::Run& r : RowTiles(block.channels, kTileRows).runs) {
          t.tiles = r.tiles;
          t.rows = a.g + (m / 4) * a.ldg + 4 * (block.c + c);
          t.start = m == 0 ? block.start + c : kNoStart;
          t.acc = a.acc + (block.c + c) * a.ldacc + j;
          if (r.tiles > 0) tile[r.rows - 1](t);
          c += r.tiles * r.rows;
        }
      }
    }
  }
}

// At most 32 columns, and whole vectors of channels.
void run_narrow(const QgemmTnArgs& a, const Block& block) {
  alignas(64) std::uint8_t packed[2 * kBlockQuads * kPairQuad];
  alignas(64) std::int32_t acc[kPair * kChannelBlock];  // [k][channels]
  Tile t{};
  t.row_stride = 4;
  t.row_quad = kPairQuad;
  t.panel_stride = 64;
  t.panel_quad = a.ldg;
  t.ldacc = block.channels;
  t.last = 0xFFFF;
  for (int m = 0; m < a.m; m += 8 * kBlockQuads) {
    const int rows = std::min(8 * kBlockQuads, a.m - m);
    interleave_narrow(a.x + m * a.ldx, a.ldx, rows, a.k, packed);
    t.quads = quads(rows);
    t.accumulate = m > 0;
    for (int c = 0; c < block.channels; c += kPair) {
      const auto* tile = block.channels - c > kCols ? kTiles<false, 2> : kTiles<false, 1>;
      t.panels = a.g + (m / 4) * a.ldg + 4 * (block.c + c);
      t.start = m == 0 ? block.start + c : kNoStart;
      int k = 0;
      for (const RowTiles::Run& r : RowTiles(a.k, kTileRows).runs) {
        t.tiles = r.tiles;
        t.rows = packed + 4 * k;
        t.acc = acc + k * block.channels + c;
        if (r.tiles > 0) tile[r.rows - 1](t);
        k += r.tiles * r.rows;
      }
    }
  }
  for (int c = 0; c < block.channels; ++c) {
    std::int32_t* to = a.acc + (block.c + c) * a.ldacc;
    for (int k = 0; k < a.k; ++k) {
      to[k] = (a.accumulate ? to[k] : 0) + acc[k * block.channels + c];
    }
  }
}

void run(const QgemmTnArgs& a) {
  const int waste = (kCols - a.k % kCols) % kCols;
  const bool narrow = a.k <= kPair && 16 * waste > a.k && a.c % kCols == 0 && a.m >= kNarrowRows;
  alignas(64) std::int32_t sums[kChannelBlock], start[kChannelBlock];
  for (int c = 0; c < a.c; c += kChannelBlock) {
    const Block block{c, std::min(kChannelBlock, a.c - c), sums, start};
    sum_channels(a.g + 4 * c, a.ldg, a.m, block.channels, sums);
    for (int i = 0; i < block.channels; ++i) {
      start[i] = -a.x_zero * sums[i];
      if (a.gsum != nullptr) a.gsum[c + i] = (a.accumulate ? a.gsum[c + i] : 0) + sums[i];
    }
    narrow ? run_narrow(a, block) : run_wide(a, block);
  }
}

}  // namespace

const QgemmTnKernel kQgemmTnAvx512Vnni = {"avx512vnni", Isa::kAvx512Vnni, run};

}  // namespace fedqat::kernels
