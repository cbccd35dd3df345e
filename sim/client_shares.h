// What reports show of a partition.
#pragma once

#include <vector>

#include "common/data/partition.h"
#include "sim/run_report.h"

namespace fedqat {

// How many samples of each class the clients [0, count) hold; fewer if there are fewer clients.
std::vector<ClientShare> client_shares(const Partition& partition, const Dataset& train,
                                       std::uint32_t count);

}  // namespace fedqat
