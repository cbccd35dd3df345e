// Which client holds which training samples.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/result.h"
#include "common/data/dataset.h"

namespace fedqat {

enum class PartitionKind { kIid, kDirichlet, kShards, kQuantity, kNatural };

struct PartitionSpec {
  PartitionKind kind = PartitionKind::kIid;
  std::uint32_t clients = 1;            // not kNatural, where the data says
  double alpha = 0.5;                   // kDirichlet, kQuantity
  std::uint32_t shards_per_client = 2;  // kShards
  std::uint32_t min_samples = 1;        // of every client
};

// Every sample belongs to exactly one client. 4 bytes a sample and 4 bytes a client.
class Partition {
 public:
  // owners[i] is the client of sample i, each < clients.
  Partition(std::span<const std::uint32_t> owners, std::uint32_t clients);

  std::uint32_t clients() const { return static_cast<std::uint32_t>(offsets_.size() - 1); }
  // Ascending indices into the data set.
  std::span<const std::uint32_t> samples(std::uint32_t client) const {
    return std::span(samples_).subspan(offsets_[client], offsets_[client + 1] - offsets_[client]);
  }

 private:
  std::vector<std::uint32_t> offsets_;  // [clients + 1]
  std::vector<std::uint32_t> samples_;  // [n]
};

// A function of (train.labels, train.owners, spec, seed):
//   kIid        shuffled, dealt in parts whose sizes differ by at most one
//   kDirichlet  each class is spread with proportions ~ Dirichlet(alpha) over clients [Hsu19]
//   kQuantity   sizes ~ n Dirichlet(alpha) over clients, labels as in kIid
//   kShards     sorted by label, cut into clients * shards_per_client pieces, dealt at random
//               [McMahan17]
//   kNatural    train.owners, numbered 0..n-1 in ascending order of owner
// kDirichlet and kQuantity are drawn again, 1000 times at most (fewer with many clients, so that it
// stays below a second), until every client has min_samples. Who still lacks some then, also in
// kShards, gets random samples from the largest clients. kInvalid: spec cannot be met.
Result<Partition> make_partition(const Dataset& train, const PartitionSpec& spec,
                                 std::uint64_t seed);

}  // namespace fedqat
