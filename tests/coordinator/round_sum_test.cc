#include "coordinator/round_sum.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "common/codec/update_codec.h"

using namespace fedqat;

namespace {

struct Sample {
  Bytes payload;
  UpdateStats stats;
};

// v and -v, which are codes of the grid.
Sample update(const UpdateGrid& grid, float v, std::uint32_t samples) {
  auto e = encode_update(grid, std::vector<float>{v, -v}, Rng({}));
  return {e->payload, UpdateStats{samples, samples, 0, 0, e->max_abs, {}}};
}

void add(RoundSum& sum, std::uint32_t trained, const UpdateGrid& grid, const Sample& u) {
  Aggregator& part = sum.of(trained, grid, 0);
  REQUIRE(part.check(u.payload, u.stats));
  part.accumulate(u.payload, u.stats);
}

}  // namespace

TEST_CASE("round_sum: the mean is weighted by samples") {
  const UpdateGrid grid = {{2, 8, 0.5F}};
  RoundSum sum(7);
  add(sum, 7, grid, update(grid, 1, 1));
  add(sum, 7, grid, update(grid, 4, 3));
  REQUIRE(mean_update(7, std::move(sum).report()) == std::vector<float>{3.25F, -3.25F});
}

TEST_CASE("round_sum: versions have grids of their own, older ones weigh less") {
  const UpdateGrid old_grid = {{2, 8, 0.25F}}, grid = {{2, 4, 1.0F}};
  RoundSum sum(5);
  add(sum, 2, old_grid, update(old_grid, 8, 1));  // age 3 weighs 1/2
  add(sum, 5, grid, update(grid, 2, 3));
  const auto parts = std::move(sum).report();
  REQUIRE(parts.size() == 2);
  REQUIRE(mean_update(5, parts) == std::vector<float>{2.5F, -2.5F});  // (8/2 + 3 * 2) / 4
}

TEST_CASE("round_sum: the order of updates does not show") {
  const UpdateGrid old_grid = {{2, 8, 0.3F}}, grid = {{2, 8, 0.7F}};
  RoundSum one(3), other(3);
  const auto a = update(old_grid, 1.7F, 3), b = update(grid, 0.4F, 11), c = update(grid, 9, 2);
  add(one, 1, old_grid, a), add(one, 3, grid, b), add(one, 3, grid, c);
  add(other, 3, grid, c), add(other, 3, grid, b), add(other, 1, old_grid, a);
  REQUIRE(mean_update(3, std::move(one).report()) == mean_update(3, std::move(other).report()));
}

TEST_CASE("round_sum: who only looked whether an update fits leaves nothing") {
  const UpdateGrid grid = {{2, 8, 1}};
  RoundSum sum(2);
  (void)sum.of(1, grid, 0);
  REQUIRE(std::move(sum).report().empty());
}

TEST_CASE("round_sum: staleness weights are those of FedBuff") {
  REQUIRE(staleness_weight(0) == 1);
  REQUIRE(staleness_weight(1) == Approx(0.70710678));
  REQUIRE(staleness_weight(8) == Approx(1.0 / 3));
}
