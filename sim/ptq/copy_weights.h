// The same weights in the layout of another graph.
#pragma once

#include "common/nn/graph.h"
#include "common/nn/model_state.h"

namespace fedqat {

// Weights and biases of `state`, all else 0. kChecks: both graphs have the same steps; only a
// quantized one has scales among its parameters, only one with batch normalization its tensors.
ModelState copy_weights(const Graph& from, const ModelState& state, const Graph& to);

}  // namespace fedqat
