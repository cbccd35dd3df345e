#include "coordinator/scale_rule.h"

#include <catch2/catch.hpp>
#include <vector>

#include "tests/support/skewed_ranges.h"

using namespace fedqat;

namespace {

Log2Histogram values(float low, float high) {
  std::vector<float> x;
  for (int i = 0; i <= 100; ++i) x.push_back(low + (high - low) * static_cast<float>(i) / 100);
  Log2Histogram h;
  h.add(x);
  return h;
}

RangeVotes two_clients(bool relu) {
  RangeVotes votes(8, relu);
  votes.add(values(relu ? 0 : -1, 1), 300);
  votes.add(values(relu ? 0 : -8, 8), 100);
  return votes;
}

}  // namespace

TEST_CASE("scale rules: the merged histogram is within 5 % of the pooled optimum, averages not") {
  const std::vector<ScaleRule> rules = {ScaleRule::kHistogram, ScaleRule::kMean,
                                        ScaleRule::kLogMean};
  for (const double spread : {0.3, 0.7, 1.2}) {
    for (const int bits : {4, 8}) {
      const auto excess = test::excess_error(rules, spread, bits, 2);
      CAPTURE(spread, bits);
      CHECK(excess[0] < 1.05);
      CHECK(excess[1] > excess[0]);
      CHECK(excess[2] > excess[1]);
    }
  }
  CHECK(test::excess_error(rules, 1.2, 8, 2)[2] > 50);
}

TEST_CASE("scale rules: ends of two clients, by hand") {
  // The clients' own best 8-bit grids reach about 1 and 8 to each side; 300 samples against 100.
  const auto reach = [](const RangeVotes& v, ScaleRule rule) {
    const ActivationGrid g = v.fit(rule);
    return double{g.scale} * (255 - g.zero);
  };
  const auto relu = two_clients(true);
  CHECK(reach(relu, ScaleRule::kMean) == Approx((300 * 1 + 100 * 8) / 400.0).epsilon(0.1));
  CHECK(reach(relu, ScaleRule::kLogMean) == Approx(1.68).epsilon(0.1));  // 2^(3/4)
  CHECK(reach(relu, ScaleRule::kMax) == Approx(8).epsilon(0.1));
  CHECK(reach(relu, ScaleRule::kMinMax) == Approx(8.72).epsilon(0.01));  // its bin ends at 2^(25/8)
  CHECK(relu.fit(ScaleRule::kMean).zero == 0);
  const auto affine = two_clients(false);
  CHECK(affine.fit(ScaleRule::kMax).zero == Approx(127.5).margin(1));
  CHECK(reach(affine, ScaleRule::kMax) == Approx(8).epsilon(0.1));
}

TEST_CASE("scale rules: order and grouping of clients do not matter") {
  std::vector<Log2Histogram> clients;
  for (int i = 1; i <= 6; ++i) clients.push_back(values(-0.1F * static_cast<float>(i * i), 2));
  RangeVotes forward(4, false), left(4, false), right(4, false);
  for (std::uint32_t i = 0; i < 6; ++i) forward.add(clients[i], 10 + i);
  for (const std::uint32_t i : {5U, 1U}) right.add(clients[i], 10 + i);
  for (const std::uint32_t i : {4U, 0U, 3U, 2U}) left.add(clients[i], 10 + i);
  left.merge(right);
  CHECK(left == forward);
}

TEST_CASE("scale rules: names; nothing seen gives a harmless grid") {
  CHECK(scale_rule("log-mean") == ScaleRule::kLogMean);
  CHECK_FALSE(scale_rule("median"));
  RangeVotes votes(8, true);
  votes.add(Log2Histogram{}, 5);
  for (const auto rule : {ScaleRule::kMean, ScaleRule::kMax, ScaleRule::kMinMax}) {
    CHECK(votes.fit(rule).scale > 0);
  }
}
