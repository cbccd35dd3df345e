// From the [partition] table of a config to the samples of each client.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/data/partition.h"
#include "common/wire/config.pb.h"
#include "sim/run_report.h"

namespace fedqat {

// A function of config.partition(), config.run().seed() and `train`. Codes of make_partition().
Result<Partition> partition_from_config(const wire::Config& config, const Dataset& train);

std::string partition_text(const wire::PartitionConfig& config);  // "dirichlet(0.5)", as in reports

// How many samples of each class the clients [0, count) hold; fewer if there are fewer clients.
std::vector<ClientShare> client_shares(const Partition& partition, const Dataset& train,
                                       std::uint32_t count);

}  // namespace fedqat
