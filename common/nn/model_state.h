// The global model while it is trained: fp32 master parameters and the quantizers' zero points.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/rng.h"
#include "common/nn/graph.h"

namespace fedqat {

struct ModelState {
  std::vector<float> params;  // Graph::params order, Graph::param_count long
  // True once scales and zero points are set: forward passes run on integers from then on.
  bool quantized = false;
  std::vector<std::int32_t> zero_points;  // [steps]; 0 where a step has no quantizer of its own
};

// He initialisation [He15] of weights, zero biases, log2 scales 0, batch
// normalization with gamma 1, variance 1 and zeros. Depends on `seed` alone.
ModelState init_model(const Graph& graph, std::uint64_t seed);

}  // namespace fedqat
