// From fp32 to integers: the first scales and zero points of a model.
#pragma once

#include <span>

#include "common/nn/graph.h"
#include "common/nn/model_state.h"
#include "common/quant/histogram.h"

namespace fedqat {

// Folds batch normalization into weights and biases. Activation grids from the merged histograms of
// all clients (one a step), weight scales from the global weights, both by least squared error.
// Sets state.quantized; zero points stay as they are from then on, scales are learnt further.
void calibrate(const Graph& graph, std::span<const Log2Histogram> histograms, ModelState& state);

}  // namespace fedqat
