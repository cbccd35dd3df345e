#include "common/base/exact_math.h"

#include <catch2/catch.hpp>
#include <cmath>

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
