#include "common/quant/histogram.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "common/base/rng.h"

using namespace fedqat;

TEST_CASE("histogram: values land between the edges of their bin") {
  Rng rng({.seed = 1});
  for (int i = 0; i < 5000; ++i) {
    const auto x = static_cast<float>(std::exp2(30 * rng.uniform() - 19.5));
    Log2Histogram h;
    h.add(std::vector<float>{x});
    int j = 0;
    while (h.positive[static_cast<std::size_t>(j)] == 0) ++j;
    REQUIRE(x >= bin_edge(j) * (1 - 1e-6));
    REQUIRE(x < bin_edge(j + 1) * (1 + 1e-6));
  }
}

TEST_CASE("histogram: tiny values count as zero, huge ones in the last bin, signs apart") {
  Log2Histogram h;
  h.add(std::vector<float>{0.0F, -0.0F, 1e-7F, 1e-40F, -1e9F, 1e30F, 1.0F});
  CHECK(h.zeros == 4);
  CHECK(h.negative[Log2Histogram::kBins - 1] == 1);
  CHECK(h.positive[Log2Histogram::kBins - 1] == 1);
  CHECK(h.positive[160] == 1);  // 2^0
  CHECK(h.count() == 7);
}

TEST_CASE("histogram: merging equals counting together") {
  Rng rng({.seed = 2});
  std::vector<float> a(300), b(500);
  for (auto& x : a) x = static_cast<float>(rng.normal());
  for (auto& x : b) x = static_cast<float>(rng.normal());
  Log2Histogram one, two, all;
  one.add(a);
  two.add(b);
  all.add(a);
  all.add(b);
  two.merge(one);
  CHECK(two == all);
}
