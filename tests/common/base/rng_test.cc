#include "common/base/rng.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace fedqat;

TEST_CASE("philox: the known answers of Random123 come out") {
  // Random123 1.14, tests/kat_vectors, philox4x32 with 10 rounds.
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) ==
        std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}) ==
        std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        std::array<std::uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("rng: streams of different keys differ, equal keys agree") {
  Rng a({.seed = 7, .round = 1, .client = 2, .purpose = Purpose::kShuffle});
  Rng b({.seed = 7, .round = 1, .client = 2, .purpose = Purpose::kShuffle});
  Rng c({.seed = 7, .round = 1, .client = 3, .purpose = Purpose::kShuffle});
  bool differs = false;
  for (int i = 0; i < 16; ++i) {
    const std::uint32_t x = a.next_u32();
    CHECK(x == b.next_u32());
    differs |= x != c.next_u32();
  }
  CHECK(differs);
}

TEST_CASE("rng: moments of uniform, normal and gamma are right") {
  Rng rng({.seed = 1});
  const int n = 200000;
  double u = 0, z = 0, z2 = 0, g_small = 0, g_large = 0;
  for (int i = 0; i < n; ++i) {
    u += rng.uniform();
    const double x = rng.normal();
    z += x;
    z2 += x * x;
    g_small += rng.gamma(0.3);
    g_large += rng.gamma(4);
  }
  // Five standard errors of each mean.
  CHECK(u / n == Approx(0.5).margin(5 * 0.289 / 447));
  CHECK(z / n == Approx(0).margin(5.0 / 447));
  CHECK(z2 / n == Approx(1).margin(5 * 1.414 / 447));
  CHECK(g_small / n == Approx(0.3).margin(5 * 0.548 / 447));
  CHECK(g_large / n == Approx(4).margin(5 * 2.0 / 447));
}

TEST_CASE("rng: below() covers its range evenly") {
  Rng rng({.seed = 3});
  std::vector<int> count(7);
  for (int i = 0; i < 70000; ++i) ++count[rng.below(7)];
  for (const int c : count) CHECK(c == Approx(10000).margin(5 * 93));
}
