// Updates that are valid and say nothing.
#pragma once

#include <vector>

#include "common/base/bytes.h"
#include "common/nn/graph.h"
#include "common/wire/messages.h"

namespace fedqat {

// The frames of an update of zeros for this task.
std::vector<Bytes> update_frames(const Task& task, const Graph& graph);

}  // namespace fedqat
