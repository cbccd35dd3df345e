#include <algorithm>
#include <cmath>

#include "common/base/check.h"
#include "common/quant/calibrators.h"
#include "common/quant/sides.h"

namespace fedqat {
namespace {

constexpr int kFewestCodes = 7;  // signed 4 bits
constexpr int kPasses = 20;      // five or six reach the fixed point
constexpr double kSmallestScale = 0x1p-40;

// visit(f) calls f(|x|, count) for every value that is not zero.
template <class Visit>
double octav_clip(int codes, const Visit& visit) {
  double total = 0, count = 0;
  visit([&](double x, double n) {
    total += n * x;
    count += n;
  });
  double clip = total / count;
  const double noise = 1 / (12.0 * codes * codes);
  for (int i = 0; i < kPasses; ++i) {
    double above = 0, inside = 0, outside = 0;
    visit([&](double x, double n) {
      if (x > clip) {
        above += n * x;
        outside += n;
      } else {
        inside += n;
      }
    });
    if (outside == 0) break;
    clip = above / (noise * inside + outside);
  }
  return clip;
}

}  // namespace

ActivationGrid fit_octav(const Log2Histogram& h, int bits, bool relu) {
  const auto bins = magnitudes(h, relu);
  const auto last = [](const auto& side) { return side.empty() ? 0.0 : side.back().middle; };
  const double top = last(filled_bins(h.positive));
  const double bottom = relu ? 0.0 : last(filled_bins(h.negative));
  const GridFrame frame = frame_grid(top, bottom, bits, relu);
  if (frame.step == 0 || frame.widest < kFewestCodes) return fit_activation(h, bits, relu);
  const double clip = octav_clip(frame.widest, [&](auto&& f) {
    for (const SideBin& b : bins) f(b.middle, b.count);
  });
  const double step = std::min(frame.step, clip / frame.widest);
  return {static_cast<float>(std::max(step, kSmallestScale)), frame.zero};
}

float fit_weight_octav(std::span<const float> w, int bits) {
  const int codes = (1 << (bits - 1)) - 1;
  if (codes < kFewestCodes) return fit_weight_scale(w, bits);
  if (std::all_of(w.begin(), w.end(), [](float x) { return x == 0; })) return 0x1p-10F;
  const double clip = octav_clip(codes, [&](auto&& f) {
    for (const float x : w) {
      if (x != 0) f(std::abs(static_cast<double>(x)), 1.0);
    }
  });
  return static_cast<float>(std::max(clip / codes, kSmallestScale));
}

}  // namespace fedqat
