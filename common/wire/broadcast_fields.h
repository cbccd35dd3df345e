// What a broadcast model and a difference between two have in common. Part of common/wire only.
#pragma once

#include "common/base/result.h"
#include "common/nn/model_state.h"
#include "common/wire/model.pb.h"

namespace fedqat {

// Phase and zero points.
void put_quantizers(const ModelState& state, wire::BroadcastProto& p);
// A state without parameters. kInvalid: not of this network.
Result<ModelState> take_quantizers(const Graph& graph, const wire::BroadcastProto& p);

// kInvalid: a log2 scale or a running variance out of range. state.params: [param_count], finite.
Result<void> check_params(const Graph& graph, const ModelState& state);

}  // namespace fedqat
