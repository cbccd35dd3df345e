#include "common/quant/range_fit.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/base/check.h"
#include "common/base/exact_math.h"
#include "common/quant/sides.h"

namespace fedqat {
namespace {

// Squared error of one side clipped at `clip` with step `step`: rounding noise step^2/12 inside
// (never more than the value itself costs), the distance to the clip outside.
double side_cost(const std::vector<SideBin>& bins, double clip, double step) {
  const double noise = step * step / 12;
  double cost = 0;
  for (const SideBin& b : bins) {
    const double over = b.middle - clip;
    cost += b.count * (over > 0 ? over * over : std::min(noise, b.middle * b.middle));
  }
  return cost;
}

double largest(const std::vector<SideBin>& bins) { return bins.empty() ? 0 : bins.back().middle; }

// Adding and taking away 1.5 * 2^52 rounds to the nearest whole number, half to even.
constexpr double kRound = 6755399441055744.0;

// Squared error of rounding w to +-q steps of s.
double weight_cost(std::span<const float> w, double s, int q) {
  double cost = 0;
  for (const float x : w) {
    const double t = (std::clamp(x / s, -double(q), double(q)) + kRound) - kRound;
    const double e = x - t * s;
    cost += e * e;
  }
  return cost;
}

constexpr double kSmallestScale = 0x1p-40;

}  // namespace

ActivationGrid fit_activation(const Log2Histogram& h, int bits, bool relu) {
  FEDQAT_CHECK(bits >= 2 && bits <= 8);
  const int levels = (1 << bits) - 1;
  const auto positive = filled_bins(h.positive);
  const auto negative = relu ? std::vector<SideBin>{} : filled_bins(h.negative);
  const double top = largest(positive), bottom = largest(negative);
  // The zero point follows from the ratio of the two ends and stays while both shrink together.
  const GridFrame frame = frame_grid(top, bottom, bits, relu);
  const int zero = frame.zero;
  const double widest = frame.step;
  if (widest == 0) return {1.0F, zero};
  double best_cost = -1, best_step = widest;
  // 64 candidates an octave over four octaves; 2 bits of a heavy tail want a clip at 1/12 of it.
  for (int i = 0; i <= 256; ++i) {
    const double step = widest * exact_exp2(-i / 64.0);
    const double cost =
        side_cost(positive, step * (levels - zero), step) + side_cost(negative, step * zero, step);
    if (best_cost < 0 || cost < best_cost) {
      best_cost = cost;
      best_step = step;
    }
  }
  return {static_cast<float>(std::max(best_step, kSmallestScale)), zero};
}

float fit_weight_scale(std::span<const float> w, int bits) {
  FEDQAT_CHECK(bits >= 2 && bits <= 8);
  const int q = (1 << (bits - 1)) - 1;
  double top = 0;
  for (const float x : w) top = std::max(top, std::abs(static_cast<double>(x)));
  if (top == 0) return 0x1p-10F;
  // Around the largest value downwards: 80 steps of 1.25 %, then a finer pass around the best.
  double best = top / q, best_cost = weight_cost(w, best, q);
  const auto try_clip = [&](double s) {
    const double cost = weight_cost(w, s, q);
    if (cost < best_cost) {
      best_cost = cost;
      best = s;
    }
  };
  for (int i = 1; i < 80; ++i) try_clip(top / q * (1 - 0.0125 * i));
  const double centre = best;
  for (int i = -4; i <= 4; ++i) try_clip(centre * (1 + 0.0025 * i));
  return static_cast<float>(std::max(best, kSmallestScale));
}

}  // namespace fedqat
