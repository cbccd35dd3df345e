#include "common/data/partition.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <queue>
#include <string>

#include "common/base/rng.h"

namespace fedqat {
namespace {

using Indices = std::vector<std::uint32_t>;

constexpr std::uint32_t kMaxDraws = 1000;
// Time is bounded too: 10,000 clients and 10 classes are 1e5 gammas a draw, of about 100 ns each.
constexpr std::uint64_t kMaxGammas = 2'000'000;

// Streams are keyed by (round, client) = (what, index); rounds from kFirstDraw on are draws.
constexpr std::uint32_t kShuffleStream = 0;
constexpr std::uint32_t kTopUpStream = 1;
constexpr std::uint32_t kFirstDraw = 2;

Rng stream(std::uint64_t seed, std::uint32_t what, std::uint32_t index) {
  return Rng({.seed = seed, .round = what, .client = index, .purpose = Purpose::kPartition});
}

Error invalid(std::string what) { return {Errc::kInvalid, std::move(what)}; }

Indices shuffled_indices(std::size_t n, std::uint64_t seed) {
  Indices order(n);
  std::iota(order.begin(), order.end(), 0U);
  Rng rng = stream(seed, kShuffleStream, 0);
  shuffle(order, rng);
  return order;
}

// Piece i of n things cut into `pieces` is [i n / pieces, (i + 1) n / pieces).
std::size_t cut(std::size_t n, std::uint64_t i, std::uint64_t pieces) {
  return static_cast<std::size_t>(n * i / pieces);
}

Indices deal_evenly(std::size_t n, std::uint32_t clients, std::uint64_t seed) {
  const Indices order = shuffled_indices(n, seed);
  Indices owners(n);
  for (std::uint32_t c = 0; c < clients; ++c) {
    for (std::size_t i = cut(n, c, clients); i < cut(n, c + 1, clients); ++i) owners[order[i]] = c;
  }
  return owners;
}

// Shuffled indices of each class.
std::vector<Indices> by_class(const Dataset& train, std::uint64_t seed) {
  std::vector<Indices> groups(static_cast<std::size_t>(train.classes));
  for (const std::uint32_t i : shuffled_indices(train.size(), seed)) {
    groups[train.labels[i]].push_back(i);
  }
  return groups;
}

// Gives group to clients with proportions ~ Dirichlet(alpha).
void deal_dirichlet(const Indices& group, double alpha, Rng& rng, std::vector<double>& cumulative,
                    Indices& owners) {
  double sum = 0;
  for (double& c : cumulative) c = sum += rng.gamma(alpha);
  const auto clients = static_cast<std::uint32_t>(cumulative.size());
  if (!(sum > 0)) {
    // All gammas underflowed: alpha is so small that one client has the whole class.
    const std::uint32_t lucky = rng.below(clients);
    for (const std::uint32_t i : group) owners[i] = lucky;
    return;
  }
  std::size_t begin = 0;
  for (std::uint32_t c = 0; c < clients; ++c) {
    const double share = c + 1 == clients ? 1 : cumulative[c] / sum;
    const auto end = static_cast<std::size_t>(share * static_cast<double>(group.size()));
    for (; begin < end; ++begin) owners[group[begin]] = c;
  }
}

Indices sizes_of(const Indices& owners, std::uint32_t clients) {
  Indices sizes(clients);
  for (const std::uint32_t c : owners) ++sizes[c];
  return sizes;
}

bool all_have(const Indices& owners, const PartitionSpec& spec) {
  const Indices sizes = sizes_of(owners, spec.clients);
  return *std::min_element(sizes.begin(), sizes.end()) >= spec.min_samples;
}

Indices draw_dirichlet(const std::vector<Indices>& groups, std::size_t n, const PartitionSpec& spec,
                       std::uint64_t seed) {
  Indices owners(n);
  std::vector<double> cumulative(spec.clients);
  const std::uint64_t gammas = std::uint64_t{spec.clients} * groups.size();
  const auto draws =
      static_cast<std::uint32_t>(std::clamp<std::uint64_t>(kMaxGammas / gammas, 1, kMaxDraws));
  for (std::uint32_t draw = 0; draw < draws; ++draw) {
    for (std::uint32_t g = 0; g < groups.size(); ++g) {
      Rng rng = stream(seed, kFirstDraw + draw, g);
      deal_dirichlet(groups[g], spec.alpha, rng, cumulative, owners);
    }
    if (all_have(owners, spec)) break;
  }
  return owners;
}

Indices deal_shards(const Dataset& train, const PartitionSpec& spec, std::uint64_t seed) {
  Indices sorted;
  sorted.reserve(train.size());
  for (const Indices& group : by_class(train, seed)) {
    sorted.insert(sorted.end(), group.begin(), group.end());
  }
  const std::size_t shards = std::size_t{spec.clients} * spec.shards_per_client;
  Indices order(shards);
  std::iota(order.begin(), order.end(), 0U);
  Rng rng = stream(seed, kShuffleStream, 1);
  shuffle(order, rng);
  Indices owners(train.size());
  for (std::size_t s = 0; s < shards; ++s) {
    const auto client = static_cast<std::uint32_t>(s / spec.shards_per_client);
    for (std::size_t i = cut(sorted.size(), order[s], shards);
         i < cut(sorted.size(), std::uint64_t{order[s]} + 1, shards); ++i) {
      owners[sorted[i]] = client;
    }
  }
  return owners;
}

// Moves random samples, one at a time from the largest client, to clients below min_samples. Ends
// because clients * min_samples <= n: while one has less, another has more.
void top_up(Indices& owners, const PartitionSpec& spec, std::uint64_t seed) {
  if (all_have(owners, spec)) return;
  const Partition before(owners, spec.clients);
  std::priority_queue<std::pair<std::uint32_t, std::uint32_t>> largest;  // (size, client)
  for (std::uint32_t c = 0; c < spec.clients; ++c) {
    const auto size = static_cast<std::uint32_t>(before.samples(c).size());
    if (size > spec.min_samples) largest.emplace(size, c);
  }
  std::vector<Indices> stock(spec.clients);  // of donors, shuffled; the last goes next
  for (std::uint32_t c = 0; c < spec.clients; ++c) {
    for (std::size_t have = before.samples(c).size(); have < spec.min_samples; ++have) {
      const auto [size, donor] = largest.top();
      largest.pop();
      Indices& samples = stock[donor];
      if (samples.empty()) {
        samples.assign(before.samples(donor).begin(), before.samples(donor).end());
        Rng rng = stream(seed, kTopUpStream, donor);
        shuffle(samples, rng);
      }
      owners[samples.back()] = c;
      samples.pop_back();
      if (size - 1 > spec.min_samples) largest.emplace(size - 1, donor);
    }
  }
}

Result<Partition> follow_owners(const Dataset& train, const PartitionSpec& spec) {
  if (train.owners.empty()) {
    return invalid("partition.kind = \"natural\": data set '" + train.name +
                   "' does not say who owns its samples; use another kind, or data with owners "
                   "(mnist with its writers file)");
  }
  Indices ids = train.owners;
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  Indices owners(train.size());
  for (std::size_t i = 0; i < owners.size(); ++i) {
    const auto it = std::lower_bound(ids.begin(), ids.end(), train.owners[i]);
    owners[i] = static_cast<std::uint32_t>(it - ids.begin());
  }
  const Indices sizes = sizes_of(owners, static_cast<std::uint32_t>(ids.size()));
  const auto least = std::min_element(sizes.begin(), sizes.end());
  if (*least < spec.min_samples) {
    return invalid("partition.min_samples = " + std::to_string(spec.min_samples) + ": owner " +
                   std::to_string(ids[static_cast<std::size_t>(least - sizes.begin())]) + " has " +
                   std::to_string(*least) + " samples; lower min_samples");
  }
  return Partition(owners, static_cast<std::uint32_t>(ids.size()));
}

Result<void> check(const Dataset& train, const PartitionSpec& spec) {
  const std::string n = std::to_string(train.size());
  if (spec.clients == 0) return invalid("partition.clients = 0; use 1 or more");
  if (!(spec.alpha > 0) || !std::isfinite(spec.alpha)) {
    return invalid("partition.alpha = " + std::to_string(spec.alpha) + "; use more than 0");
  }
  const std::uint64_t demand = std::uint64_t{spec.clients} * spec.min_samples;
  if (demand > train.size()) {
    return invalid("partition.clients = " + std::to_string(spec.clients) +
                   " with min_samples = " + std::to_string(spec.min_samples) + " need " +
                   std::to_string(demand) + " samples, '" + train.name + "' has " + n +
                   "; lower partition.clients or partition.min_samples");
  }
  const std::uint64_t shards = std::uint64_t{spec.clients} * spec.shards_per_client;
  if (spec.kind == PartitionKind::kShards && (shards == 0 || shards > train.size())) {
    return invalid("partition.shards_per_client = " + std::to_string(spec.shards_per_client) +
                   " of " + std::to_string(spec.clients) + " clients make " +
                   std::to_string(shards) + " shards of " + n +
                   " samples; use from 1 shard to one for each sample");
  }
  return {};
}

}  // namespace

Partition::Partition(std::span<const std::uint32_t> owners, std::uint32_t clients)
    : offsets_(std::size_t{clients} + 1), samples_(owners.size()) {
  for (const std::uint32_t c : owners) {
    FEDQAT_CHECK(c < clients);
    ++offsets_[c + 1];
  }
  std::partial_sum(offsets_.begin(), offsets_.end(), offsets_.begin());
  Indices next(offsets_.begin(), offsets_.end() - 1);
  for (std::uint32_t i = 0; i < owners.size(); ++i) samples_[next[owners[i]]++] = i;
}

Result<Partition> make_partition(const Dataset& train, const PartitionSpec& spec,
                                 std::uint64_t seed) {
  FEDQAT_CHECK(train.size() < ~0U);
  if (spec.kind == PartitionKind::kNatural) return follow_owners(train, spec);
  if (auto r = check(train, spec); !r) return r.error();
  Indices owners;
  switch (spec.kind) {
    case PartitionKind::kIid:
      owners = deal_evenly(train.size(), spec.clients, seed);
      break;
    case PartitionKind::kDirichlet:
      owners = draw_dirichlet(by_class(train, seed), train.size(), spec, seed);
      break;
    case PartitionKind::kQuantity:
      owners = draw_dirichlet({shuffled_indices(train.size(), seed)}, train.size(), spec, seed);
      break;
    case PartitionKind::kShards:
      owners = deal_shards(train, spec, seed);
      break;
    case PartitionKind::kNatural:
      break;
  }
  top_up(owners, spec, seed);
  return Partition(owners, spec.clients);
}

}  // namespace fedqat
