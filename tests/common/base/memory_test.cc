#include "common/base/memory.h"

#include <catch2/catch.hpp>
#include <numeric>
#include <vector>

using namespace fedqat;

TEST_CASE("memory: after pages are given back, code runs and data are as they were") {
  std::vector<std::uint32_t> values(1 << 18);
  std::iota(values.begin(), values.end(), 0U);
  for (int i = 0; i < 3; ++i) {
    release_memory();
    REQUIRE(std::accumulate(values.begin(), values.end(), std::uint64_t{0}) ==
            (std::uint64_t{1} << 17) * ((1 << 18) - 1));
  }
}
