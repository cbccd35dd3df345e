#include "common/quant/range_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "common/base/check.h"
#include "common/base/exact_math.h"

namespace fedqat {
namespace {

struct Bin {
  double middle;  // |x|
  double count;
};

// Middles of bins as values: the mean of x over [lo, hi) when log x is uniform is close to this.
double bin_middle(int j) { return 0.5 * (bin_edge(j) + bin_edge(j + 1)); }

std::vector<Bin> filled_bins(const std::array<std::uint64_t, Log2Histogram::kBins>& side) {
  std::vector<Bin> bins;
  for (int j = 0; j < Log2Histogram::kBins; ++j) {
    const auto n = side[static_cast<std::size_t>(j)];
    if (n > 0) bins.push_back({bin_middle(j), static_cast<double>(n)});
  }
  return bins;
}

// Squared error of one side clipped at `clip` with step `step`: rounding noise step^2/12 inside
// (never more than the value itself costs), the distance to the clip outside.
double side_cost(const std::vector<Bin>& bins, double clip, double step) {
  const double noise = step * step / 12;
  double cost = 0;
  for (const Bin& b : bins) {
    const double over = b.middle - clip;
    cost += b.count * (over > 0 ? over * over : std::min(noise, b.middle * b.middle));
  }
  return cost;
}

double largest(const std::vector<Bin>& bins) { return bins.empty() ? 0 : bins.back().middle; }

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
  const auto negative = relu ? std::vector<Bin>{} : filled_bins(h.negative);
  const double top = largest(positive), bottom = largest(negative);
  if (top <= 0 && bottom <= 0) return {1.0F, relu ? 0 : (levels + 1) / 2};

  // The zero point follows from the ratio of the two ends and stays while both shrink together.
  const auto zero = relu ? 0 : static_cast<int>(std::lround(levels * bottom / (bottom + top)));
  const double widest = zero == 0        ? top / levels
                        : zero == levels ? bottom / levels
                                         : std::max(top / (levels - zero), bottom / zero);
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
