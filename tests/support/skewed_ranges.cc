#include "tests/support/skewed_ranges.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/base/rng.h"

namespace fedqat::test {
namespace {

constexpr int kClients = 10;
constexpr int kValues = 4000;

double squared_error(const std::vector<float>& values, const ActivationGrid& grid, int bits) {
  const double top = (1 << bits) - 1;
  double error = 0;
  for (const float v : values) {
    const double code = std::clamp(std::nearbyint(v / double{grid.scale}) + grid.zero, 0.0, top);
    const double e = v - grid.scale * (code - grid.zero);
    error += e * e;
  }
  return error;
}

// Over scales 2 % apart, two octaves to each side of `like`, with its zero point and in the middle.
double least_error(const std::vector<float>& values, const ActivationGrid& like, int bits) {
  double best = std::numeric_limits<double>::infinity();
  for (const int zero : {like.zero, 1 << (bits - 1)}) {
    for (double scale = like.scale / 4.0; scale < like.scale * 4.0; scale *= 1.02) {
      best = std::min(best, squared_error(values, {static_cast<float>(scale), zero}, bits));
    }
  }
  return best;
}

}  // namespace

std::vector<double> excess_error(const std::vector<ScaleRule>& rules, double spread, int bits,
                                 int trials) {
  std::vector<double> excess(rules.size());
  for (int trial = 0; trial < trials; ++trial) {
    Rng rng({.seed = 7, .round = static_cast<std::uint32_t>(trial)});
    RangeVotes votes(bits, false);
    Log2Histogram merged;
    std::vector<float> pooled;
    for (int client = 0; client < kClients; ++client) {
      const double width = std::exp(spread * rng.normal());
      std::vector<float> values(kValues);
      for (float& v : values) {
        v = static_cast<float>((rng.uniform() < 0.5F ? -width : width) * rng.gamma(1));
      }
      Log2Histogram h;
      h.add(values);
      votes.add(h, kValues);
      merged.merge(h);
      pooled.insert(pooled.end(), values.begin(), values.end());
    }
    const ActivationGrid of_merged = fit_activation(merged, bits, false);
    const double best = least_error(pooled, of_merged, bits);
    for (std::size_t r = 0; r < rules.size(); ++r) {
      const bool needs_votes = rules[r] != ScaleRule::kHistogram;
      const ActivationGrid grid = needs_votes ? votes.fit(rules[r]) : of_merged;
      excess[r] += squared_error(pooled, grid, bits) / best / trials;
    }
  }
  return excess;
}

}  // namespace fedqat::test
