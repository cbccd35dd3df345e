// The product over rows with 256-bit vectors, after unit_avx2.h or unit_avxvnni.h. A tile is
// channels, broadcast from g, by columns of x, which are interleaved block by block on the stack.
#pragma once

#include <algorithm>

#include "common/kernels/qgemm/row_tiles.h"
#include "common/kernels/qgemm_tn/qgemm_tn.h"

namespace fedqat::kernels {
namespace {

constexpr int kTogether = kCols * kStep;      // columns that are interleaved together: kStep panels
constexpr int kPairStep = 64;                 // bytes of a step of a pair of panels
constexpr int kBlockSteps = 1024 / kStep;     // 1024 rows: 32 KiB
constexpr int kPairBytes = kBlockSteps * kPairStep;
constexpr int kChannelBlock = 128;            // channels whose sums are on the stack
constexpr std::int32_t kNoStart[kChannelBlock] = {};

int steps(int m) { return (m + kStep - 1) / kStep; }

// sums[c] = sum over the rows of g[.,c]; vpmaddubsw cannot saturate where one factor is 1.
void sum_channels(const std::int8_t* g, std::ptrdiff_t ldg, int m, int c, std::int32_t* sums) {
  for (int c0 = 0; c0 < c; c0 += kCols) {
    const __m256i valid = _mm256_cmpgt_epi32(_mm256_set1_epi32(c - c0),
                                             _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    __m256i sum = _mm256_setzero_si256();
    const std::int8_t* from = g + 4 * c0;
    for (int i = 0; i < m; i += 4, from += ldg) {
      const __m256i quad = _mm256_maskload_epi32(reinterpret_cast<const int*>(from), valid);
      const __m256i two = _mm256_maddubs_epi16(_mm256_set1_epi8(1), quad);
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(two, _mm256_set1_epi16(1)));
    }
    store256(sums + c0, sum);
  }
}

// Up to kTogether columns of x -> pairs of panels, [pair][kBlockSteps][2][8][kStep].
void interleave_rows(const std::uint8_t* x, std::ptrdiff_t ldx, int m, int columns,
                     std::byte* out) {
  for (int i = 0; i < m; i += kStep, out += kPairStep) {
    __m256i row[kStep], v[kStep];
    if (i + kStep <= m && columns >= kTogether) {
#pragma GCC unroll 4
      for (int r = 0; r < kStep; ++r) row[r] = load_codes(x + (i + r) * ldx);
    } else {
      std::uint8_t edge[kStep][kTogether] = {};
      const auto bytes = static_cast<std::size_t>(std::min(columns, kTogether));
      for (int r = 0; r < std::min(kStep, m - i); ++r) {
        std::memcpy(edge[r], x + (i + r) * ldx, bytes);
      }
      for (int r = 0; r < kStep; ++r) row[r] = load_codes(edge[r]);
    }
    interleave(row, v);
#pragma GCC unroll 4
    for (int p = 0; p < kStep; ++p) store256(out + p / 2 * kPairBytes + p % 2 * 32, v[p]);
  }
}

// A channel's codes of `m` rows as a tile takes them: bytes stay where they are, s16 go to
// `widened`, [steps][channels][2].
void set_rows(const std::int8_t* g, std::ptrdiff_t ldg, int m, int channels, Code* widened,
              Tile& t) {
  t.row_stride = 4;
  if constexpr (sizeof(Code) == 1) {
    t.rows = g;
    t.row_step = ldg;
  } else {
    t.rows = widened;
    t.row_step = 4 * channels;
    for (int i = 0; i < m; i += 4, g += ldg, widened += 4 * channels) {
      for (int c = 0; c < channels; ++c) {
        widened[2 * c] = g[4 * c];
        widened[2 * c + 1] = g[4 * c + 1];
        widened[2 * (channels + c)] = g[4 * c + 2];
        widened[2 * (channels + c) + 1] = g[4 * c + 3];
      }
    }
  }
}

// Rows m0 .. of the sums, for the channels c0 .. and a pair of panels, columns k0 ...
struct Block {
  int m0, rows, c0, channels, k0;
  const std::byte* panels;
  const std::int32_t* start;  // a channel's
};

void run_block(const QgemmTnArgs& a, const Block& b) {
  alignas(32) Code widened[sizeof(Code) == 1 ? 1 : kBlockSteps * 2 * kTileRows];
  alignas(32) std::int32_t scratch[kTileRows * kWide];
  const int columns = std::min(kWide, a.k - b.k0);
  const bool more = b.m0 > 0 || a.accumulate;
  const bool direct = columns == kWide;
  const auto* tile = columns > kCols ? kTiles<true, 2> : kTiles<true, 1>;
  Tile t{};
  t.panels = b.panels;
  t.panel_step = kPairStep;
  t.steps = steps(b.rows);
  t.accumulate = more && direct;
  t.ldacc = direct ? a.ldacc : kWide;
  int c = b.c0;
  for (const RowTiles::Run& r : RowTiles(b.channels, kTileRows).runs) {
    for (int n = 0; n < r.tiles; ++n, c += r.rows) {
      set_rows(a.g + (b.m0 / 4) * a.ldg + 4 * c, a.ldg, b.rows, r.rows, widened, t);
      t.start = b.m0 == 0 ? b.start + (c - b.c0) : kNoStart;
      std::int32_t* acc = a.acc + c * a.ldacc + b.k0;
      t.acc = direct ? acc : scratch;
      tile[r.rows - 1](t);
      for (int i = 0; i < r.rows && !direct; ++i, acc += a.ldacc) {
        for (int k = 0; k < columns; ++k) acc[k] = (more ? acc[k] : 0) + scratch[i * kWide + k];
      }
    }
  }
}

void run(const QgemmTnArgs& a) {
  alignas(32) std::byte packed[kStep / 2 * kPairBytes];
  alignas(32) std::int32_t sums[kChannelBlock], start[kChannelBlock];
  for (int c0 = 0; c0 < a.c; c0 += kChannelBlock) {
    const int channels = std::min(kChannelBlock, a.c - c0);
    sum_channels(a.g + 4 * c0, a.ldg, a.m, channels, sums);
    for (int i = 0; i < channels; ++i) {
      start[i] = -a.x_zero * sums[i];
      if (a.gsum != nullptr) a.gsum[c0 + i] = (a.accumulate ? a.gsum[c0 + i] : 0) + sums[i];
    }
    for (int k = 0; k < a.k; k += kTogether) {
      for (int m = 0; m < a.m; m += kBlockSteps * kStep) {
        const int rows = std::min(kBlockSteps * kStep, a.m - m);
        interleave_rows(a.x + m * a.ldx + k, a.ldx, rows, a.k - k, packed);
        for (int p = 0; p < kStep / 2 && k + p * kWide < a.k; ++p) {
          run_block(a, {m, rows, c0, channels, k + p * kWide, packed + p * kPairBytes, start});
        }
      }
    }
  }
}

}  // namespace
}  // namespace fedqat::kernels
