#include "common/base/decimal.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "common/base/rng.h"

using namespace fedqat;

TEST_CASE("decimal: a number is written with the fewest digits that read back") {
  CHECK(decimal(0) == "0");
  CHECK(decimal(0.1) == "0.1");
  CHECK(decimal(-0.02) == "-0.02");
  CHECK(decimal(20000) == "20000");
  CHECK(decimal(1e14) == "100000000000000");
  CHECK(decimal(1e-7) == "1e-07");
  CHECK(decimal(1e300) == "1e+300");
  CHECK(decimal(1.0 / 3) == "0.3333333333333333");
  CHECK(decimal(std::numeric_limits<double>::infinity()) == "inf");
}

TEST_CASE("decimal: every double reads back from its text") {
  Rng rng({.seed = 1});
  for (int i = 0; i < 20'000; ++i) {
    const double x = std::bit_cast<double>(rng.next_u64());
    if (!std::isfinite(x)) continue;
    CHECK(std::strtod(decimal(x).c_str(), nullptr) == x);
  }
}
