#include "common/quant/sides.h"

#include <algorithm>
#include <cmath>

namespace fedqat {

std::vector<SideBin> filled_bins(const std::array<std::uint64_t, Log2Histogram::kBins>& side) {
  std::vector<SideBin> bins;
  for (int j = 0; j < Log2Histogram::kBins; ++j) {
    const auto n = side[static_cast<std::size_t>(j)];
    // The mean of x over [lo, hi) when log x is uniform is close to the middle.
    const double lo = bin_edge(j), hi = bin_edge(j + 1);
    if (n > 0) bins.push_back({0.5 * (lo + hi), hi, static_cast<double>(n)});
  }
  return bins;
}

std::vector<SideBin> magnitudes(const Log2Histogram& h, bool relu) {
  auto sum = h.positive;
  for (std::size_t j = 0; j < sum.size() && !relu; ++j) sum[j] += h.negative[j];
  return filled_bins(sum);
}

GridFrame frame_grid(double top, double bottom, int bits, bool relu) {
  const int levels = (1 << bits) - 1;
  if (relu) bottom = 0;
  if (top <= 0 && bottom <= 0) return {relu ? 0 : (levels + 1) / 2, 0, levels};
  const auto zero = relu ? 0 : static_cast<int>(std::lround(levels * bottom / (bottom + top)));
  const double step = zero == 0        ? top / levels
                      : zero == levels ? bottom / levels
                                       : std::max(top / (levels - zero), bottom / zero);
  return {zero, step, std::max(zero, levels - zero)};
}

}  // namespace fedqat
