#include "common/wire/partition_config.h"

#include "common/base/decimal.h"

namespace fedqat {
namespace {

PartitionKind kind_of(const std::string& name) {
  if (name == "dirichlet") return PartitionKind::kDirichlet;
  if (name == "shards") return PartitionKind::kShards;
  if (name == "quantity") return PartitionKind::kQuantity;
  if (name == "natural") return PartitionKind::kNatural;
  return PartitionKind::kIid;
}

}  // namespace

Result<Partition> partition_from_config(const wire::Config& config, const Dataset& train) {
  const wire::PartitionConfig& p = config.partition();
  const PartitionSpec spec{.kind = kind_of(p.kind()),
                           .clients = p.clients(),
                           .alpha = p.alpha(),
                           .shards_per_client = p.shards_per_client(),
                           .min_samples = p.min_samples()};
  return make_partition(train, spec, config.run().seed());
}

std::string partition_text(const wire::PartitionConfig& p) {
  switch (kind_of(p.kind())) {
    case PartitionKind::kDirichlet:
    case PartitionKind::kQuantity:
      return p.kind() + "(" + decimal(p.alpha()) + ")";
    case PartitionKind::kShards:
      return p.kind() + "(" + std::to_string(p.shards_per_client()) + ")";
    case PartitionKind::kIid:
    case PartitionKind::kNatural:
      return p.kind();
  }
  return p.kind();
}

}  // namespace fedqat
