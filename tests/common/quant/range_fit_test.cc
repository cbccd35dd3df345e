#include "common/quant/range_fit.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <vector>

#include "common/base/rng.h"

using namespace fedqat;

namespace {

std::vector<float> draw(int n, const std::function<double(Rng&)>& f) {
  Rng rng({.seed = 11});
  std::vector<float> x(static_cast<std::size_t>(n));
  for (auto& v : x) v = static_cast<float>(f(rng));
  return x;
}

double gauss(Rng& r) { return r.normal(); }
double laplace(Rng& r) { return (r.uniform() < 0.5 ? -1 : 1) * r.gamma(1) / std::sqrt(2.0); }

double activation_mse(const std::vector<float>& x, ActivationGrid g, int bits) {
  double mse = 0;
  for (const float v : x) {
    const double code =
        std::clamp(std::nearbyint(double{v} / g.scale) + g.zero, 0.0, double((1 << bits) - 1));
    mse += std::pow(v - g.scale * (code - g.zero), 2);
  }
  return mse / static_cast<double>(x.size());
}

// The best that any scale with this zero point can do.
double best_mse(const std::vector<float>& x, std::int32_t zero, int bits) {
  double best = 1e30;
  for (double s = 0.001; s < 8; s *= 1.01) {
    best = std::min(best, activation_mse(x, {static_cast<float>(s), zero}, bits));
  }
  return best;
}

}  // namespace

TEST_CASE("fit_weight_scale: reaches the published optimum of Gauss and Laplace within 3 %") {
  // Optimal MSE in units of the variance, from a grid search over clips.
  struct Row {
    double (*distribution)(Rng&);
    int bits;
    double mse;
  };
  // Narrow grids (no -2^(b-1)): the optimum is slightly above the full grid's.
  for (const Row row : {Row{gauss, 4, 0.0131}, Row{laplace, 4, 0.0263}, Row{gauss, 8, 8.3e-5}}) {
    const auto x = draw(40000, row.distribution);
    const double s = fit_weight_scale(x, row.bits);
    const double q = (1 << (row.bits - 1)) - 1;
    double mse = 0, best = 1e30;
    for (double t = s * 0.5; t < s * 2; t *= 1.01) {
      double e = 0;
      for (const float v : x) e += std::pow(v - t * std::clamp(std::nearbyint(v / t), -q, q), 2);
      best = std::min(best, e);
    }
    for (const float v : x) mse += std::pow(v - s * std::clamp(std::nearbyint(v / s), -q, q), 2);
    CHECK(mse <= 1.01 * best);
    CHECK(mse / 40000 < 1.2 * row.mse);
  }
  CHECK(fit_weight_scale(std::vector<float>(8, 0.0F), 8) > 0);
}

TEST_CASE("fit_activation: is within 5 % of the optimum for ReLU and signed values") {
  for (const int bits : {2, 3, 4, 6, 8}) {
    for (auto* f : {gauss, laplace}) {
      auto x = draw(20000, f);
      Log2Histogram h;
      h.add(x);
      const auto affine = fit_activation(h, bits, false);
      CHECK(activation_mse(x, affine, bits) <= 1.05 * best_mse(x, affine.zero, bits));
      for (auto& v : x) v = std::max(v, 0.0F);
      Log2Histogram relu;
      relu.add(x);
      const auto grid = fit_activation(relu, bits, true);
      INFO("bits " << bits);
      CHECK(grid.zero == 0);
      CHECK(activation_mse(x, grid, bits) <= 1.05 * best_mse(x, 0, bits));
    }
  }
}

TEST_CASE("fit_activation: merged skewed clients are within 5 % of the pooled optimum") {
  Log2Histogram merged;
  std::vector<float> pooled;
  Rng rng({.seed = 5});
  for (int client = 0; client < 10; ++client) {
    const double sigma = std::exp(1.2 * rng.normal());
    std::vector<float> x(4000);
    for (auto& v : x) v = static_cast<float>(std::abs(sigma * laplace(rng)));
    Log2Histogram h;
    h.add(x);
    merged.merge(h);
    pooled.insert(pooled.end(), x.begin(), x.end());
  }
  for (const int bits : {4, 8}) {
    const auto grid = fit_activation(merged, bits, true);
    CHECK(activation_mse(pooled, grid, bits) <= 1.05 * best_mse(pooled, 0, bits));
  }
}

TEST_CASE("fit_activation: empty, one-sided and constant values give usable grids") {
  Log2Histogram none;
  CHECK(fit_activation(none, 8, true).scale > 0);
  Log2Histogram below;
  below.add(std::vector<float>(100, -3.0F));
  const auto g = fit_activation(below, 8, false);
  CHECK(g.zero == 255);
  CHECK(g.scale * 255 == Approx(3.0F).epsilon(0.1));
}
