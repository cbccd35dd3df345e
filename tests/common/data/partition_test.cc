#include "common/data/partition.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "common/base/rng.h"

using namespace fedqat;

namespace {

Dataset labelled(std::size_t n, int classes) {
  Dataset data;
  data.name = "made up";
  data.classes = classes;
  Rng rng({.seed = 1});
  for (std::size_t i = 0; i < n; ++i) {
    data.labels.push_back(
        static_cast<std::uint8_t>(rng.below(static_cast<std::uint32_t>(classes))));
  }
  data.codes.resize(n);
  return data;
}

// Mean over clients, by samples, of the share of the client's most frequent class.
double mean_top_share(const Dataset& data, const Partition& p) {
  double sum = 0;
  for (std::uint32_t c = 0; c < p.clients(); ++c) {
    std::vector<double> count(static_cast<std::size_t>(data.classes));
    for (const std::uint32_t i : p.samples(c)) ++count[data.labels[i]];
    sum += *std::max_element(count.begin(), count.end());
  }
  return sum / static_cast<double>(data.size());
}

std::size_t smallest(const Partition& p) {
  std::size_t least = ~std::size_t{0};
  for (std::uint32_t c = 0; c < p.clients(); ++c) least = std::min(least, p.samples(c).size());
  return least;
}

bool covers_exactly(const Partition& p, std::size_t n) {
  std::vector<int> seen(n);
  for (std::uint32_t c = 0; c < p.clients(); ++c) {
    for (const std::uint32_t i : p.samples(c)) ++seen[i];
  }
  return std::all_of(seen.begin(), seen.end(), [](int s) { return s == 1; });
}

bool same(const Partition& a, const Partition& b) {
  if (a.clients() != b.clients()) return false;
  for (std::uint32_t c = 0; c < a.clients(); ++c) {
    const auto x = a.samples(c), y = b.samples(c);
    if (!std::equal(x.begin(), x.end(), y.begin(), y.end())) return false;
  }
  return true;
}

constexpr PartitionKind kDealt[] = {PartitionKind::kIid, PartitionKind::kDirichlet,
                                    PartitionKind::kShards, PartitionKind::kQuantity};

}  // namespace

TEST_CASE("partition: every kind gives each sample once and depends on the seed alone") {
  const Dataset data = labelled(3000, 10);
  for (const PartitionKind kind : kDealt) {
    for (const std::uint32_t clients : {1U, 7U, 1000U}) {
      for (const std::uint32_t min_samples : {0U, 3U}) {
        const PartitionSpec spec = {.kind = kind,
                                    .clients = clients,
                                    .alpha = 0.3,
                                    .shards_per_client = 2,
                                    .min_samples = min_samples};
        INFO("kind " << static_cast<int>(kind) << " clients " << clients);
        const auto p = make_partition(data, spec, 4);
        REQUIRE(p);
        CHECK(p->clients() == clients);
        CHECK(covers_exactly(*p, data.size()));
        CHECK(smallest(*p) >= min_samples);
        CHECK(same(*p, *make_partition(data, spec, 4)));
        if (clients > 1) CHECK_FALSE(same(*p, *make_partition(data, spec, 5)));
      }
    }
  }
}

TEST_CASE("partition: iid parts differ by at most one sample") {
  const auto p = make_partition(labelled(1003, 10), {.clients = 10}, 1);
  REQUIRE(p);
  for (std::uint32_t c = 0; c < 10; ++c) {
    CHECK((p->samples(c).size() == 100 || p->samples(c).size() == 101));
  }
}

TEST_CASE("partition: Dirichlet goes from iid to one class a client as alpha falls") {
  const Dataset data = labelled(20000, 10);
  const auto top_share = [&](double alpha) {
    return mean_top_share(
        data, *make_partition(
                  data, {.kind = PartitionKind::kDirichlet, .clients = 20, .alpha = alpha}, 3));
  };
  CHECK(top_share(1e6) == Approx(0.1).margin(0.03));
  CHECK(top_share(0.5) > 0.2);
  CHECK(top_share(0.05) > 0.5);
  // 10 classes, each with one of 20 clients; some clients have several.
  CHECK(top_share(1e-300) > 0.6);
}

TEST_CASE("partition: quantity skews sizes, not labels") {
  const Dataset data = labelled(20000, 4);
  const auto p = make_partition(
      data, {.kind = PartitionKind::kQuantity, .clients = 10, .alpha = 0.3, .min_samples = 50}, 3);
  REQUIRE(p);
  std::size_t largest = 0;
  for (std::uint32_t c = 0; c < 10; ++c) largest = std::max(largest, p->samples(c).size());
  CHECK(largest > 4000);
  CHECK(smallest(*p) >= 50);
  CHECK(mean_top_share(data, *p) < 0.3);
}

TEST_CASE("partition: shards give a client few labels") {
  const Dataset data = labelled(20000, 10);
  const auto p = make_partition(
      data, {.kind = PartitionKind::kShards, .clients = 100, .shards_per_client = 2}, 3);
  REQUIRE(p);
  for (std::uint32_t c = 0; c < 100; ++c) {
    CHECK(p->samples(c).size() == 200);
    std::vector<int> seen(10);
    for (const std::uint32_t i : p->samples(c)) seen[data.labels[i]] = 1;
    CHECK(std::accumulate(seen.begin(), seen.end(), 0) <= 4);  // a shard may straddle two labels
  }
}

TEST_CASE("partition: with as many clients as the data allows everybody gets the minimum") {
  const Dataset data = labelled(3000, 10);
  for (const PartitionKind kind : kDealt) {
    const auto p = make_partition(
        data,
        {.kind = kind, .clients = 1000, .alpha = 0.01, .shards_per_client = 1, .min_samples = 3},
        9);
    REQUIRE(p);
    CHECK(smallest(*p) == 3);
    CHECK(covers_exactly(*p, data.size()));
  }
}

TEST_CASE("partition: 10,000 clients of 60,000 samples") {
  const Dataset data = labelled(60000, 10);
  const auto p = make_partition(
      data, {.kind = PartitionKind::kDirichlet, .clients = 10000, .alpha = 0.5, .min_samples = 2},
      1);
  REQUIRE(p);
  CHECK(smallest(*p) >= 2);
  CHECK(covers_exactly(*p, data.size()));
  CHECK(mean_top_share(data, *p) > 0.3);
}

TEST_CASE("partition: natural clients are the owners in ascending order") {
  Dataset data = labelled(6, 2);
  data.owners = {70000, 5, 70000, 8, 5, 5};
  const auto p = make_partition(data, {.kind = PartitionKind::kNatural, .clients = 99}, 1);
  REQUIRE(p);
  CHECK(p->clients() == 3);
  CHECK(std::vector<std::uint32_t>(p->samples(0).begin(), p->samples(0).end()) ==
        std::vector<std::uint32_t>{1, 4, 5});
  CHECK(p->samples(1).size() == 1);
  CHECK(p->samples(2).size() == 2);
  const auto few = make_partition(data, {.kind = PartitionKind::kNatural, .min_samples = 2}, 1);
  REQUIRE_FALSE(few);
  CHECK_THAT(few.error().what, Catch::Contains("owner 8 has 1 samples"));
}

TEST_CASE("partition: what cannot be met is refused with a remedy") {
  const Dataset data = labelled(100, 10);
  const auto refusal = [&](const PartitionSpec& spec) {
    const auto p = make_partition(data, spec, 1);
    REQUIRE_FALSE(p);
    CHECK(p.error().code == Errc::kInvalid);
    return p.error().what;
  };
  CHECK_THAT(refusal({.clients = 0}), Catch::Contains("partition.clients = 0"));
  CHECK_THAT(refusal({.clients = 101}), Catch::Contains("need 101 samples"));
  CHECK_THAT(refusal({.clients = 10, .min_samples = 11}), Catch::Contains("lower"));
  CHECK_THAT(refusal({.clients = ~0U, .min_samples = ~0U}), Catch::Contains("lower"));
  CHECK_THAT(refusal({.kind = PartitionKind::kDirichlet, .clients = 2, .alpha = 0}),
             Catch::Contains("partition.alpha"));
  CHECK_THAT(refusal({.kind = PartitionKind::kDirichlet, .clients = 2, .alpha = std::nan("")}),
             Catch::Contains("partition.alpha"));
  CHECK_THAT(refusal({.kind = PartitionKind::kShards, .clients = 51}), Catch::Contains("shards"));
  CHECK_THAT(refusal({.kind = PartitionKind::kNatural}), Catch::Contains("writers"));
}
