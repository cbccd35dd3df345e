#include "coordinator/aggregator.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>

#include "common/base/rng.h"
#include "common/base/thread_pool.h"

using namespace fedqat;

namespace {

struct Sample {
  Bytes payload;
  UpdateStats stats;
};

// Every kind of tensor; sizes beyond a block and not a multiple of any vector.
UpdateGrid some_grid() {
  return {{5003, 8, 0.01F},
          {37, 16, 1e-4F},
          {129, 5, 0.1F},
          {17, 32, 1},
          {9, 0, 1},
          {33, 1, 0.1F},
          {5000, 2, 1, UpdateCodec::kEden, 0.5F},
          {700, 3, 0.4F, UpdateCodec::kDither},
          {300, 8, 0, UpdateCodec::kDither},
          {400, 2, 1, UpdateCodec::kSparse, 0.1F},
          {300, 8, 1, UpdateCodec::kSparse, 0.3F}};
}

std::vector<Sample> some_updates(const UpdateGrid& grid, std::size_t n, std::uint32_t max_samples) {
  std::vector<Sample> updates;
  std::size_t elements = 0;
  for (const TensorGrid& t : grid) elements += t.size;
  for (std::uint32_t k = 0; k < n; ++k) {
    Rng rng({.seed = 21, .client = k});
    std::vector<float> delta(elements);
    for (float& v : delta) v = static_cast<float>(rng.normal());
    auto encoded = encode_update(grid, delta, rng);
    REQUIRE(encoded);
    UpdateStats stats{1 + rng.below(max_samples), 1U << 25,         rng.next_u32(),
                      encoded->clipped,           encoded->max_abs, std::vector<Log2Histogram>(2)};
    stats.histograms[1].add(delta);
    updates.push_back({std::move(encoded->payload), std::move(stats)});
  }
  return updates;
}

Aggregate sum_of(const UpdateGrid& grid, const std::vector<Sample>& updates) {
  Aggregator a(grid, 2);
  for (const Sample& u : updates) {
    REQUIRE(a.check(u.payload, u.stats));
    a.accumulate(u.payload, u.stats);
  }
  return std::move(a).report();
}

// The formula, element by element.
std::vector<std::int64_t> reference_sums(const UpdateGrid& grid,
                                         const std::vector<Sample>& updates) {
  std::vector<std::int64_t> sums;
  for (const Sample& u : updates) {
    const auto values = decode_update(grid, u.payload);
    sums.resize(values->size());
    std::size_t i = 0;
    for (const TensorGrid& t : grid) {
      for (const std::size_t end = i + t.size; i < end; ++i) {
        const double code = static_cast<double>((*values)[i]) / unit(t);
        sums[i] += std::int64_t{u.stats.samples} * std::llrint(code);
      }
    }
  }
  return sums;
}

}  // namespace

TEST_CASE("aggregator: sums equal the formula") {
  // Weights that fit 32-bit partial sums, that make them flush, and that go around them.
  const std::uint32_t max_samples = GENERATE(100U, 20000U, 1000000U);
  CAPTURE(max_samples);
  const auto grid = some_grid();
  const auto updates = some_updates(grid, 12, max_samples);
  REQUIRE(sum_of(grid, updates).sums == reference_sums(grid, updates));
}

TEST_CASE("aggregator: order and grouping do not matter") {
  const auto grid = some_grid();
  auto updates = some_updates(grid, 24, 30000);
  const Aggregate want = sum_of(grid, updates);
  Rng rng({.seed = 22});
  for (int trial = 0; trial < 10; ++trial) {
    shuffle(updates, rng);
    REQUIRE(sum_of(grid, updates) == want);
    std::vector<Aggregator> parts;
    for (std::uint32_t p = 0; p < 1 + rng.below(5); ++p) parts.emplace_back(grid, 2);
    for (const Sample& u : updates) {
      parts[rng.below(static_cast<std::uint32_t>(parts.size()))].accumulate(u.payload, u.stats);
    }
    while (parts.size() > 1) {
      Aggregator last = std::move(parts.back());
      parts.pop_back();
      const auto into = rng.below(static_cast<std::uint32_t>(parts.size()));
      REQUIRE(parts[into].merge(std::move(last)));
    }
    REQUIRE(std::move(parts[0]).report() == want);
  }
}

TEST_CASE("aggregator: any number of threads gives the same sums") {
  const auto grid = some_grid();
  const auto updates = some_updates(grid, 24, 3000);
  const Aggregate want = sum_of(grid, updates);
  for (int threads = 1; threads <= 8; ++threads) {
    ThreadPool pool(threads);
    std::vector<Aggregator> parts;
    for (int t = 0; t < threads; ++t) parts.emplace_back(grid, 2);
    pool.for_each(updates.size(), [&](std::size_t i, int worker) {
      parts[static_cast<std::size_t>(worker)].accumulate(updates[i].payload, updates[i].stats);
    });
    for (std::size_t t = 1; t < parts.size(); ++t) REQUIRE(parts[0].merge(std::move(parts[t])));
    REQUIRE(std::move(parts[0]).report() == want);
  }
}

TEST_CASE("aggregator: a weight with which a sum could overflow is refused") {
  const UpdateGrid grid = {{1, 32, 1}};
  auto e = encode_update(grid, std::vector<float>{-kFixedLimit}, Rng({}));
  const UpdateStats stats{kMaxSamples, kMaxSamples, 0, 0, e->max_abs, {}};
  Aggregator a(grid, 0);
  REQUIRE(a.check(e->payload, stats));
  a.accumulate(e->payload, stats);
  UpdateStats rest = stats;
  rest.samples = kMaxSamples - 1;  // 2^25 - 1 in all: the last weight that fits
  REQUIRE_FALSE(a.check(e->payload, stats));
  REQUIRE(a.check(e->payload, rest));
  Aggregator b(grid, 0);
  b.accumulate(e->payload, stats);
  REQUIRE_FALSE(a.merge(std::move(b)));
  a.accumulate(e->payload, rest);
  const Aggregate sum = std::move(a).report();
  REQUIRE(sum.sums[0] == -((std::int64_t{1} << 25) - 1) * (std::int64_t{1} << 38));
}

TEST_CASE("aggregator: updates of another shape are refused") {
  const auto grid = some_grid();
  auto update = some_updates(grid, 1, 10)[0];
  const Aggregator a(grid, 2);
  REQUIRE(a.check(update.payload, update.stats));
  REQUIRE_FALSE(a.check(ByteView(update.payload).first(10), update.stats));
  auto stats = update.stats;
  stats.histograms.pop_back();
  REQUIRE_FALSE(a.check(update.payload, stats));
  stats = update.stats;
  stats.max_abs.push_back(1);
  REQUIRE_FALSE(a.check(update.payload, stats));
  update.payload[0] = std::byte{0x80};
  REQUIRE_FALSE(a.check(update.payload, update.stats));
}

TEST_CASE("aggregator: statistics that the payload contradicts are refused") {
  const UpdateGrid grid = {{3, 8, 0.5F}, {2, 32, 1}, {1, 0, 1}};
  const auto encoded = encode_update(grid, std::vector<float>{5, -0.5F, 1, -3, 2, 0}, Rng({}));
  const UpdateStats good{1, 1, 0, 0, encoded->max_abs, {}};
  const Aggregator a(grid, 0);
  REQUIRE(a.check(encoded->payload, good));
  const auto admits = [&](std::size_t tensor, float max_abs, std::uint64_t clipped) {
    UpdateStats stats = good;
    stats.max_abs[tensor] = max_abs;
    stats.clipped = clipped;
    const auto ok = a.check(encoded->payload, stats);
    if (!ok) CHECK_THAT(ok.error().what, Catch::Contains("max_abs of tensor"));
    return static_cast<bool>(ok);
  };
  CHECK_FALSE(admits(0, 3e38F, 0));
  CHECK_FALSE(admits(0, 3e38F, 1));  // the greatest code is not the grid's end: nothing was clipped
  CHECK_FALSE(admits(0, 4.4F, 0));   // code 10 comes from more than 9 steps
  CHECK(admits(0, 4.6F, 0));
  CHECK(admits(0, 5.4F, 0));
  CHECK_FALSE(admits(1, 3.5F, 0));
  CHECK_FALSE(admits(1, 3e38F, 1));
}

TEST_CASE("aggregator: values beyond the grid are admitted only as clipped") {
  const UpdateGrid grid = {{2, 4, 0.5F}, {1, 32, 1}};
  const auto encoded = encode_update(grid, std::vector<float>{100, 0, 1000}, Rng({}));
  UpdateStats stats{1, 1, 0, encoded->clipped, encoded->max_abs, {}};
  const Aggregator a(grid, 0);
  REQUIRE(a.check(encoded->payload, stats));
  stats.clipped = 0;
  REQUIRE_FALSE(a.check(encoded->payload, stats));
  stats.max_abs = {3.5F, kFixedLimit};
  REQUIRE(a.check(encoded->payload, stats));
}

TEST_CASE("aggregator: what any number of bits encodes, with nothing clipped, is admitted") {
  const std::vector<float> delta = {0.02F, -0.01F, 0, 0.05F};
  for (const int bits : {1, 2, 3, 5, 8, 16}) {
    for (const float room : {1.0F, 1.5F, 40.0F}) {
      const UpdateGrid grid = {
          {4, bits, room * 0.05F / static_cast<float>(max_update_code(bits)), {}, 1}};
      const auto e = encode_update(grid, delta, Rng({.seed = 23}));
      REQUIRE(e);
      INFO(bits << " bits, room " << room);
      CHECK(Aggregator(grid, 0).check(e->payload, {1, 1, 0, e->clipped, e->max_abs, {}}));
    }
  }
}

TEST_CASE("aggregator: a refused update changes nothing") {
  const auto grid = some_grid();
  const auto updates = some_updates(grid, 3, 100);
  const Aggregate want = sum_of(grid, updates);
  Aggregator a(grid, 2);
  for (const Sample& good : updates) {
    Sample bad = good;
    bad.payload[4999] = std::byte{0x80};  // among the last codes of the first tensor
    REQUIRE_FALSE(a.check(bad.payload, bad.stats));
    bad = good;
    bad.stats.max_abs[3] *= 2;
    REQUIRE_FALSE(a.check(bad.payload, bad.stats));
    REQUIRE(a.check(good.payload, good.stats));
    a.accumulate(good.payload, good.stats);
  }
  REQUIRE(std::move(a).report() == want);
}
