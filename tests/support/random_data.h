// Small random data and models for tests.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/base/rng.h"
#include "common/data/dataset.h"
#include "common/nn/graph.h"
#include "common/nn/model_state.h"

namespace fedqat {

// Random codes and labels.
Dataset random_dataset(const Shape& shape, int classes, std::size_t n, std::uint64_t seed);

// One bright blob per class plus noise: a few rounds of training separate it.
Dataset blob_dataset(const Shape& shape, int classes, std::size_t n, std::uint64_t seed);

// A graph with every kind of step: conv2d, pools, fused and lone ReLU, add, flatten, dense.
ModelSpec every_layer_model(const Shape& input, int classes);
// Batch normalization behind conv2d, depthwise_conv2d and dense, with and without ReLU.
ModelSpec batch_norm_model(const Shape& input, int classes);

// A quantized state whose scales fit the values that `data` causes: what the coordinator does after
// the warm-up, in one place for tests.
ModelState calibrated(const Graph& graph, ModelState state, const Dataset& data);

}  // namespace fedqat
