// Inference with dynamic quantization: weights are int8, values stay binary32 between layers, and
// the inputs of every layer with weights are rounded at run time, each sample on a grid of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/nn/depthwise_int.h"
#include "common/nn/graph.h"
#include "common/nn/linear_int.h"
#include "common/nn/packed_model.h"
#include "common/tensor/buffer.h"

namespace fedqat {

// Not thread-safe. `graph` and `model` must outlive it.
class DynamicEngine {
 public:
  // model: of which validate() approves, model.quant.is_dynamic(), of `graph`.
  DynamicEngine(const Graph& graph, const PackedModel& model, int max_batch);

  // codes [n, input], 1 <= n <= max_batch; returns the outputs [n, classes].
  std::span<const float> run(const std::uint8_t* codes, int n);

 private:
  struct Weighted {
    std::optional<LinearInt> linear;
    std::optional<DepthwiseInt> depthwise;
  };
  void weighted(std::size_t step, const float* x, int n, float* y);
  void run_step(std::size_t step, int n);

  const Graph& graph_;
  const PackedModel& model_;
  std::vector<Weighted> weighted_;     // parallel to graph.steps
  std::vector<Buffer<float>> values_;  // one longer
  std::vector<float> scales_;          // [batch], of a layer's input
  Buffer<std::uint8_t> codes_, unused_;
  Buffer<std::int32_t> acc_;
  Buffer<std::uint8_t> which_;
};

}  // namespace fedqat
