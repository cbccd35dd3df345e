#include "common/quant/calibrators.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "common/base/rng.h"

using namespace fedqat;

namespace {

constexpr double kQuantile = 0.9999;

std::vector<float> draw(int n, bool laplace) {
  Rng rng({.seed = 17});
  std::vector<float> x(static_cast<std::size_t>(n));
  for (auto& v : x) {
    v = static_cast<float>(laplace ? (rng.uniform() < 0.5 ? -1 : 1) * rng.gamma(1) / std::sqrt(2.0)
                                   : rng.normal());
  }
  return x;
}

double weight_mse(const std::vector<float>& x, double s, int bits) {
  const double q = (1 << (bits - 1)) - 1;
  double e = 0;
  for (const float v : x) e += std::pow(v - s * std::clamp(std::nearbyint(v / s), -q, q), 2);
  return e / static_cast<double>(x.size());
}

Log2Histogram histogram(const std::vector<float>& x) {
  Log2Histogram h;
  h.add(x);
  return h;
}

}  // namespace

TEST_CASE("calibrators: each has its name once, and an unknown name none") {
  for (const Calibrator& c : calibrators()) CHECK(find_calibrator(c.name) == &c);
  CHECK(find_calibrator("mse") == &calibrators().front());
  CHECK(find_calibrator("median") == nullptr);
}

TEST_CASE("calibrators: every grid holds real 0, and degenerate values give usable ones") {
  const std::vector<std::vector<float>> inputs = {
      {}, {0, 0, 0}, {2.5F}, {-3, -3, -3}, {1e-30F, 1e-6F}, {-1, 5, 0}, {1e4F, 1e-4F}};
  for (const Calibrator& c : calibrators()) {
    for (const auto& x : inputs) {
      for (int bits = 2; bits <= 8; ++bits) {
        for (const bool relu : {false, true}) {
          const auto g = c.activations(histogram(x), bits, relu, kQuantile);
          INFO(c.name << " bits " << bits << " relu " << relu);
          CHECK((g.scale > 0 && std::isfinite(g.scale)));
          CHECK((g.zero >= 0 && g.zero < 1 << bits));
          if (relu) CHECK(g.zero == 0);
        }
        const float s = c.weights(x, bits);
        CHECK((s > 0 && std::isfinite(s)));
      }
    }
  }
}

TEST_CASE("calibrators: merged clients give the grid of the pooled values") {
  const auto x = draw(3000, true);
  Log2Histogram merged;
  for (std::size_t i = 0; i < 3; ++i) {
    Log2Histogram part;
    part.add(std::span(x).subspan(i * 1000, 1000));
    merged.merge(part);
  }
  for (const Calibrator& c : calibrators()) {
    const auto pooled = c.activations(histogram(x), 4, false, kQuantile);
    const auto together = c.activations(merged, 4, false, kQuantile);
    CHECK(pooled.scale == together.scale);
    CHECK(pooled.zero == together.zero);
  }
}

TEST_CASE("minmax: the ends are codes, to the upper edge of a bin") {
  const auto g = fit_minmax(histogram({-1.0F, 0.5F, 3.0F}), 8, false);
  const double low = -double{g.scale} * g.zero, high = g.scale * double(255 - g.zero);
  CHECK(low <= -1 + 0.02);
  CHECK(high >= 3);
  CHECK(high < 3 * 1.11);
  CHECK(fit_weight_max(std::vector<float>{0.5F, -1.27F}, 8) == Approx(0.01));
}

TEST_CASE("percentile: one of ten thousand values beyond is left out, two are not") {
  std::vector<float> x(9999, 1.0F);
  x.push_back(1000.0F);
  CHECK(fit_percentile(histogram(x), 8, true, kQuantile).scale * 255 < 1.1);
  x.back() = 1.0F;
  x[0] = x[1] = 1000.0F;
  CHECK(fit_percentile(histogram(x), 8, true, kQuantile).scale * 255 >= 1000);
  CHECK(fit_percentile(histogram(x), 8, true, 1).scale * 255 >= 1000);
}

TEST_CASE("octav: reaches the published optimum from 4 bits on, from values and histograms") {
  struct Row {
    bool laplace;
    int bits;
    double mse;  // of the optimal clip, in units of the variance
  };
  for (const Row row : {Row{false, 4, 0.01312}, Row{true, 4, 0.02628}, Row{false, 6, 0.001084},
                        Row{false, 8, 8.3e-5}, Row{true, 8, 2.52e-4}}) {
    const auto x = draw(40000, row.laplace);
    INFO("laplace " << row.laplace << " bits " << row.bits);
    // The grid without -2^(b-1) has 15 codes where the published one has 16.
    const double narrow = std::pow((1 << row.bits) / ((1 << row.bits) - 1.0), 2);
    CHECK(weight_mse(x, fit_weight_octav(x, row.bits), row.bits) <= 1.12 * narrow * row.mse);
    const auto g = fit_octav(histogram(x), row.bits, false);
    double e = 0;
    for (const float v : x) {
      const double code = std::clamp(std::nearbyint(double{v} / g.scale) + g.zero, 0.0,
                                     double((1 << row.bits) - 1));
      e += std::pow(v - g.scale * (code - g.zero), 2);
    }
    CHECK(e / static_cast<double>(x.size()) <= 1.25 * narrow * row.mse);
  }
}

TEST_CASE("octav: the clip of a hand-computed case") {
  // Nothing is outside a clip above the largest value, so Newton's method stays at the mean of
  // equal values, which is all of them.
  CHECK(fit_weight_octav(std::vector<float>(10, 0.7F), 8) * 127 == Approx(0.7));
}

TEST_CASE("entropy: cuts a lone outlier and keeps values that fill their range") {
  Rng rng({.seed = 3});
  std::vector<float> x(50000);
  for (auto& v : x) v = static_cast<float>(rng.uniform());
  CHECK(fit_entropy(histogram(x), 8, true).scale * 255 > 0.9);
  x.push_back(20.0F);
  const double clip = fit_entropy(histogram(x), 8, true).scale * 255;
  CHECK(clip > 0.8);
  CHECK(clip < 10);
}
