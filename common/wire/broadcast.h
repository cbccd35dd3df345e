// The model a round starts from, as it is sent to clients.
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/codec/broadcast_codec.h"
#include "common/nn/model_state.h"

namespace fedqat {

// Log2 scales stay in here, on the coordinator and in whatever comes from outside.
inline constexpr float kMaxLog2Scale = 40;

// weight_bits: 4, 8 or 32. Biases and scales travel as fp32.
Bytes encode_broadcast(const Graph& graph, const ModelState& state, int weight_bits,
                       const BroadcastRounding& rounding = {});

// At 32 bits and without codebooks: the same state has the same bytes, whoever writes them, so that
// their hash names the model (fields by number, defaults left out).
Bytes encode_plain(const Graph& graph, const ModelState& state);

// Any bytes: a state that fits `graph`, or kCorrupt, kInvalid with the field.
Result<ModelState> decode_broadcast(const Graph& graph, ByteView bytes);

}  // namespace fedqat
