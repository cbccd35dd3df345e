// Updates without training: cheap, and the same for the same task.
#pragma once

#include "client/session.h"

namespace fedqat::dst {

inline constexpr std::uint32_t kSamples = 10;  // of every device: all weigh the same

// `value` at place task.client of the first tensor, as far as the grid has it.
SealedUpdate one_hot_update(const Graph& graph, const Task& task, float value);
// What the sum gets of it.
float one_hot_value(const Graph& graph, const Task& task, const SealedUpdate& update);
// Small changes everywhere, a function of round, client and model, and what the client left out
// before where the codec feeds it back; empty: nothing.
SealedUpdate pseudo_update(const Graph& graph, const Task& task,
                           std::span<const float> memory = {});

UploadUpdate in_one_piece(const SealedUpdate& update);

}  // namespace fedqat::dst
