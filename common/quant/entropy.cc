#include <algorithm>
#include <cmath>
#include <vector>

#include "common/base/check.h"
#include "common/base/exact_math.h"
#include "common/quant/calibrators.h"
#include "common/quant/sides.h"

namespace fedqat {
namespace {

constexpr int kLinearBins = 2048;
constexpr int kStride = 16;
constexpr double kSmallestScale = 0x1p-40;

// Log2 bins spread evenly over linear ones of [0, top).
std::vector<double> linear_bins(const std::vector<SideBin>& bins, double top) {
  std::vector<double> linear(kLinearBins, 0.0);
  const double width = top / kLinearBins;
  for (const SideBin& b : bins) {
    const double lo = 2 * b.middle - b.upper;
    const auto first = static_cast<int>(lo / width);
    const int last = std::min(kLinearBins - 1, static_cast<int>(b.upper / width));
    for (int i = first; i <= last; ++i) {
      const double from = std::max(lo, i * width), to = std::min(b.upper, (i + 1) * width);
      if (to > from) linear[static_cast<std::size_t>(i)] += b.count * (to - from) / (b.upper - lo);
    }
  }
  return linear;
}

// KL(P || Q) in bits for the first n bins in `codes` groups, `beyond` values behind them.
double divergence(const std::vector<double>& bins, int n, int codes, double inside, double beyond) {
  double kl = 0;
  for (int g = 0; g < codes; ++g) {
    const int begin = g * n / codes, end = (g + 1) * n / codes;
    double sum = 0;
    int filled = 0;
    for (int i = begin; i < end; ++i) {
      sum += bins[static_cast<std::size_t>(i)];
      filled += bins[static_cast<std::size_t>(i)] > 0 || (i == n - 1 && beyond > 0);
    }
    for (int i = begin; i < end; ++i) {
      const double p = bins[static_cast<std::size_t>(i)] + (i == n - 1 ? beyond : 0);
      if (p <= 0) continue;
      // A group of nothing but clipped values still costs: half a value stands in for none.
      const double q = std::max(sum, 0.5) / filled;
      kl += p / (inside + beyond) * exact_log2(p / (inside + beyond) * inside / q);
    }
  }
  return kl;
}

}  // namespace

ActivationGrid fit_entropy(const Log2Histogram& h, int bits, bool relu) {
  const ActivationGrid widest = fit_minmax(h, bits, relu);
  const auto bins = magnitudes(h, relu);
  if (bins.empty()) return widest;
  const int levels = (1 << bits) - 1;
  const int codes = std::max<int>(widest.zero, levels - widest.zero) + 1;
  const double top = bins.back().upper;
  const auto linear = linear_bins(bins, top);
  double total = 0;
  for (const double n : linear) total += n;

  double best = -1, inside = 0;
  int best_n = kLinearBins, counted = 0;
  for (int n = std::max(codes, kStride); n <= kLinearBins; n += kStride) {
    for (; counted < n; ++counted) inside += linear[static_cast<std::size_t>(counted)];
    if (inside <= 0) continue;
    const double kl = divergence(linear, n, codes, inside, std::max(0.0, total - inside));
    if (best < 0 || kl < best) {
      best = kl;
      best_n = n;
    }
  }
  const double scale = double{widest.scale} * best_n / kLinearBins;
  return {static_cast<float>(std::max(scale, kSmallestScale)), widest.zero};
}

}  // namespace fedqat
