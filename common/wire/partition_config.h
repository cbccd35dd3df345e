// From the [partition] table of a config to the samples of each client.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/data/partition.h"
#include "common/wire/config.pb.h"

namespace fedqat {

// A function of config.partition(), config.run().seed() and `train`. Codes of make_partition().
Result<Partition> partition_from_config(const wire::Config& config, const Dataset& train);

std::string partition_text(const wire::PartitionConfig& config);  // "dirichlet(0.5)", as in reports

}  // namespace fedqat
