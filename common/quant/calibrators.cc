#include "common/quant/calibrators.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "common/base/check.h"
#include "common/quant/sides.h"

namespace fedqat {
namespace {

constexpr double kSmallestScale = 0x1p-40;

ActivationGrid grid_of(const GridFrame& frame) {
  if (frame.step == 0) return {1.0F, frame.zero};
  return {static_cast<float>(std::max(frame.step, kSmallestScale)), frame.zero};
}

double end_of(const std::array<std::uint64_t, Log2Histogram::kBins>& side, double allowed) {
  const auto bins = filled_bins(side);
  double above = 0;
  for (auto bin = bins.rbegin(); bin != bins.rend(); ++bin) {
    above += bin->count;
    if (above > allowed) return bin->upper;
  }
  return 0;
}

double sum(const std::array<std::uint64_t, Log2Histogram::kBins>& side) {
  double n = 0;
  for (const auto count : side) n += static_cast<double>(count);
  return n;
}

constexpr Calibrator kTable[] = {
    {"mse",
     [](const Log2Histogram& h, int bits, bool relu, double) {
       return fit_activation(h, bits, relu);
     },
     fit_weight_scale},
    {"minmax",
     [](const Log2Histogram& h, int bits, bool relu, double) { return fit_minmax(h, bits, relu); },
     fit_weight_max},
    {"percentile", fit_percentile, fit_weight_max},
    {"octav",
     [](const Log2Histogram& h, int bits, bool relu, double) { return fit_octav(h, bits, relu); },
     fit_weight_octav},
    {"entropy",
     [](const Log2Histogram& h, int bits, bool relu, double) { return fit_entropy(h, bits, relu); },
     fit_weight_scale},
};

}  // namespace

std::span<const Calibrator> calibrators() { return kTable; }

const Calibrator* find_calibrator(std::string_view name) {
  const auto found = std::find_if(std::begin(kTable), std::end(kTable),
                                  [&](const Calibrator& c) { return name == c.name; });
  return found == std::end(kTable) ? nullptr : found;
}

ActivationGrid fit_minmax(const Log2Histogram& h, int bits, bool relu) {
  return fit_percentile(h, bits, relu, 1);
}

ActivationGrid fit_percentile(const Log2Histogram& h, int bits, bool relu, double quantile) {
  FEDQAT_CHECK(bits >= 2 && bits <= 8 && quantile > 0 && quantile <= 1);
  const double beyond = (1 - quantile) * (1 + 1e-9);  // 1 - 0.9999 is a little less than 1e-4
  return grid_of(frame_grid(end_of(h.positive, beyond * sum(h.positive)),
                            end_of(h.negative, beyond * sum(h.negative)), bits, relu));
}

float fit_weight_max(std::span<const float> w, int bits) {
  FEDQAT_CHECK(bits >= 2 && bits <= 8);
  double top = 0;
  for (const float x : w) top = std::max(top, std::abs(static_cast<double>(x)));
  if (top == 0) return 0x1p-10F;
  return static_cast<float>(std::max(top / ((1 << (bits - 1)) - 1), kSmallestScale));
}

}  // namespace fedqat
