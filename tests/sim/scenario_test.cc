#include "sim/scenario.h"

#include <catch2/catch.hpp>

using namespace fedqat;

TEST_CASE("scenario: drop-outs and slow clients come as often as asked for") {
  wire::SimConfig config;
  config.set_dropout(0.3);
  config.set_slow_share(0.1);
  config.set_slow_factor(1000);
  const Scenario s(config, 5, 1000000);
  constexpr int kClients = 10000;
  int silent = 0, silent_again = 0, slow = 0;
  for (ClientId c = 0; c < kClients; ++c) {
    silent += s.drops_out(3, 1, c) ? 1 : 0;
    silent_again += s.drops_out(3, 2, c) ? 1 : 0;
    slow += s.work_ms(c, 100, 1000) > 30000 ? 1 : 0;
  }
  // 5 standard deviations of a binomial.
  REQUIRE(std::abs(silent - 3000) < 5 * 46);
  REQUIRE(std::abs(silent_again - 3000) < 5 * 46);
  REQUIRE(std::abs(slow - 1000) < 5 * 30);
}

TEST_CASE("scenario: draws are functions of seed, round and client") {
  const Scenario a({}, 5, 1000), b({}, 5, 1000), other({}, 6, 1000);
  bool differs = false;
  for (ClientId c = 0; c < 50; ++c) {
    REQUIRE(a.check_in_ms(2, c) == b.check_in_ms(2, c));
    REQUIRE(a.work_ms(c, 10, 10) == b.work_ms(c, 10, 10));
    differs = differs || a.check_in_ms(2, c) != other.check_in_ms(2, c);
    REQUIRE(a.check_in_ms(1, c) < 1000);
  }
  REQUIRE(differs);
}
