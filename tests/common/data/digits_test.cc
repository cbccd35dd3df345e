#include "common/data/digits.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "common/data/load.h"

using namespace fedqat;

TEST_CASE("digits: 1,437 and 360 samples, every class split alike") {
  const DataSplit split = load_digits();
  CHECK(split.train.size() == 1437);
  CHECK(split.test.size() == 360);
  CHECK(split.train.shape == Shape{8, 8, 1});
  // Samples of each class in the file.
  const int whole[] = {178, 182, 177, 183, 181, 182, 181, 179, 174, 180};
  for (int k = 0; k < 10; ++k) {
    const auto count = [&](const Dataset& d) {
      return std::count(d.labels.begin(), d.labels.end(), k);
    };
    CHECK(count(split.train) + count(split.test) == whole[k]);
    CHECK(std::abs(static_cast<double>(count(split.test)) - whole[k] * 360 / 1797.0) <= 1);
  }
}

TEST_CASE("digits: codes use the whole range and the grid centres them") {
  const DataSplit split = load_digits();
  double sum = 0, squares = 0;
  for (const std::uint8_t code : split.train.codes) {
    REQUIRE(code % 15 == 0);
    REQUIRE(code <= 240);
    const double x = double{split.train.grid.scale} * (code - split.train.grid.zero);
    sum += x;
    squares += x * x;
  }
  const auto n = static_cast<double>(split.train.codes.size());
  CHECK(sum / n == Approx(0).margin(0.02));
  CHECK(squares / n == Approx(1).margin(0.02));
}

TEST_CASE("digits: the split never changes") {
  // Reports and golden tests depend on it.
  CHECK(content_sha256(load_digits()) ==
        "b6ded347377b40f1135da84b978f7a9e205a2dcc333cb961dd07491ad3778f37");
}
