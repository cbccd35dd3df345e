#include "common/base/team.h"

#include <catch2/catch.hpp>
#include <chrono>

using namespace fedqat;

TEST_CASE("team: shares follow one another and are alike") {
  for (const int n : {0, 1, 2, 7, 1000}) {
    for (const int parts : {1, 2, 3, 8}) {
      int end = 0;
      for (int p = 0; p < parts; ++p) {
        const Share s = share_of(n, p, parts);
        REQUIRE(s.first == end);
        REQUIRE(s.size() >= n / parts);
        REQUIRE(s.size() <= n / parts + 1);
        end = s.end;
      }
      REQUIRE(end == n);
    }
  }
  REQUIRE(share_of(1 << 30, 62, 63).size() > 0);
}

TEST_CASE("team: every part runs once, whatever its threads did before") {
  Team team(4);
  REQUIRE(team.size() == 4);
  std::vector<int> ran(4);
  int expected[4] = {};
  for (int i = 0; i < 2000; ++i) {
    const int parts = i % 4 + 1;
    team.run(parts, [&](int part) { ++ran[static_cast<std::size_t>(part)]; });
    for (int p = 0; p < parts; ++p) ++expected[p];
    if (i % 500 == 499) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // they sleep
  }
  for (std::size_t p = 0; p < 4; ++p) REQUIRE(ran[p] == expected[p]);
}

TEST_CASE("team: one is no thread at all") {
  Team team;
  const auto caller = std::this_thread::get_id();
  bool same = false;
  team.run(1, [&](int) { same = std::this_thread::get_id() == caller; });
  REQUIRE(same);
}
