// Weight sharing on the coordinator: the mean of the clients' models is clustered again.
#pragma once

#include <span>

#include "common/nn/graph.h"
#include "common/quant/weight_sharing.h"

namespace fedqat {

// Gives every weight the entry of its tensor's codebook (common/quant/weight_sharing.h). entries
// 1..kMaxCodebook; params: [param_count], finite.
void share_all_weights(const Graph& graph, int entries, Spacing spacing, std::span<float> params);

}  // namespace fedqat
