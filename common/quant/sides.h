// A Log2Histogram as two sides of (|x|, count), and the grid that holds both ends.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/quant/histogram.h"

namespace fedqat {

struct SideBin {
  double middle;  // |x|
  double upper;   // upper edge of the bin
  double count;   // > 0
};

// Filled bins, smallest |x| first.
std::vector<SideBin> filled_bins(const std::array<std::uint64_t, Log2Histogram::kBins>& side);

// Filled bins of |x|, both signs together; relu: the positive ones alone.
std::vector<SideBin> magnitudes(const Log2Histogram& h, bool relu);

// The narrowest unsigned grid of `bits` over [-bottom, top] that holds real 0. top, bottom >= 0.
struct GridFrame {
  int zero = 0;     // of codes 0..2^bits - 1
  double step = 0;  // 0: both ends are 0
  int widest = 0;   // codes on the larger side of zero
};
GridFrame frame_grid(double top, double bottom, int bits, bool relu);

}  // namespace fedqat
