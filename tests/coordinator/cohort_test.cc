#include "coordinator/cohort.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

using namespace fedqat;

TEST_CASE("cohort: distinct clients, the same every time, more of them when more are asked for") {
  const auto ten = choose_cohort(1, 2, {10000, {}, {}}, 10);
  REQUIRE(std::set<ClientId>(ten.begin(), ten.end()).size() == 10);
  REQUIRE(choose_cohort(1, 2, {10000, {}, {}}, 10) == ten);
  REQUIRE(choose_cohort(1, 3, {10000, {}, {}}, 10) != ten);
  REQUIRE(choose_cohort(2, 2, {10000, {}, {}}, 10) != ten);
  const auto thirty = choose_cohort(1, 2, {10000, {}, {}}, 30);
  REQUIRE(std::equal(ten.begin(), ten.end(), thirty.begin()));
  REQUIRE(choose_cohort(1, 2, {5, {}, {}}, 9).size() == 5);
}

TEST_CASE("cohort: every client is chosen about equally often") {
  std::vector<int> count(20);
  for (std::uint32_t round = 1; round <= 4000; ++round) {
    for (const ClientId c : choose_cohort(9, round, {20, {}, {}}, 5)) ++count[c];
  }
  // 4000 draws at 1/4: mean 1000, standard deviation 27.
  for (const int n : count) REQUIRE(std::abs(n - 1000) < 5 * 28);
}

TEST_CASE("cohort: absent clients come last, barred ones never, and the others' order stays") {
  const auto all = choose_cohort(1, 2, {6, {}, {}}, 6);
  const std::set<ClientId> absent = {all[0], all[2]};
  REQUIRE(choose_cohort(1, 2, {6, absent, {}}, 6) ==
          std::vector<ClientId>{all[1], all[3], all[4], all[5], all[0], all[2]});
  REQUIRE(choose_cohort(1, 2, {6, absent, {}}, 3) == std::vector<ClientId>{all[1], all[3], all[4]});
  REQUIRE(choose_cohort(1, 2, {6, absent, {all[1], all[0]}}, 6) ==
          std::vector<ClientId>{all[3], all[4], all[5], all[2]});
}
