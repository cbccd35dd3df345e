// The step from the model that clients hold to the next one they shall hold.
//
// With w the coordinator's model and x what clients hold, x <- x + C(w - x) [Gruntkowska23, EF21-P;
// Philippenko21, MCM]. w itself is never rounded, so w - x has all that earlier steps left out: it
// is the error memory, and no other is kept.
#pragma once

#include <span>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/rng.h"
#include "common/nn/model_state.h"

namespace fedqat {

// A BroadcastProto: weights of tensors that are large enough to rotate as C(w - x), EDEN with
// `bits`, 2, 4 or 8; everything else as it is in `to`, binary32. `from`: the parameters x, all
// finite, as those of `to`.
Bytes encode_difference(const Graph& graph, std::span<const float> from, const ModelState& to,
                        int bits, Rng rng);

// Any bytes: what clients hold next, the same bits on every machine; or kCorrupt, kInvalid with the
// field. from: of graph.param_count.
Result<ModelState> apply_difference(const Graph& graph, std::span<const float> from,
                                    ByteView bytes);

}  // namespace fedqat
