#include "common/base/exact_math.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "common/base/rng.h"

using namespace fedqat;

TEST_CASE("exact_math: exp2 and log2 agree with libm to the last few bits") {
  Rng rng({.seed = 5});
  for (int i = 0; i < 20000; ++i) {
    const double x = 200 * rng.uniform_double() - 100;
    CHECK(exact_exp2(x) == Approx(std::exp2(x)).epsilon(2e-15));
    CHECK(exact_exp(x) == Approx(std::exp(x)).epsilon(4e-14));
    const double y = std::exp2(x);
    CHECK(std::abs(exact_log2(y) - std::log2(y)) <= 2e-15 * std::max(1.0, std::abs(x)));
  }
}

TEST_CASE("exact_math: whole powers of two are exact and the ends saturate") {
  for (int e = -1000; e <= 1000; e += 37) {
    CHECK(exact_exp2(e) == std::ldexp(1.0, e));
    CHECK(exact_log2(std::ldexp(1.0, e)) == e);
  }
  CHECK(exact_exp2(-2000) == 0);
  CHECK(std::isinf(exact_exp2(2000)));
  CHECK(std::isnan(exact_exp2(std::nan(""))));
}

TEST_CASE("exact_math: many in doubles are the same bits as one by one, wherever they begin") {
  Rng rng({.seed = 7});
  std::vector<double> x = {0,      -0.0,        0.5,  -0.5,  1e-300, -1e-320, 999.9,
                           -999.9, -1001,       1024, 1e-17, -1e-9,  0.25,    700,
                           -708,   1 - 0x1p-53, 1.5,  -1.5,  0x1p-60};
  for (int i = 0; i < 200000; ++i) {
    const double v = 2 * rng.uniform_double() - 1;
    x.push_back(v * std::exp2(static_cast<double>(rng.below(20)) - 10));
  }
  x.push_back(std::nan(""));
  for (const std::size_t first : {0, 1, 5, 19}) {
    const auto part = std::span(x).subspan(first);
    std::vector<double> y(part.size()), z(part.begin(), part.end());
    exact_exp2(part, y.data());
    exact_exp(z, z.data());
    bool same = std::isnan(y.back()) && std::isnan(z.back());
    for (std::size_t i = 0; i + 1 < y.size(); ++i) {
      same = same && y[i] == exact_exp2(part[i]) && z[i] == exact_exp(part[i]);
    }
    CHECK(same);
  }
}

TEST_CASE("exact_math: many exp2 at once are the same bits as one by one") {
  Rng rng({.seed = 6});
  std::vector<float> x = {0, -0.5F, 0.5F, 1.5F, -1.5F, -160, 130, 1e30F, -1e30F, -0.49999997F};
  for (int i = 0; i < 5000; ++i) x.push_back(static_cast<float>(100 * rng.uniform_double() - 50));
  for (const std::size_t n : {std::size_t{0}, std::size_t{7}, std::size_t{8}, x.size()}) {
    std::vector<float> y(n + 1, -1);
    exact_exp2(std::span(x).first(n), y.data());
    for (std::size_t i = 0; i < n; ++i) {
      CHECK(y[i] == static_cast<float>(exact_exp2(static_cast<double>(x[i]))));
    }
    CHECK(y[n] == -1);
  }
}
