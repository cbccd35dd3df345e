// The trainer: forward pass in fp32 or in the deployed integers, straight-through backward pass.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/base/team.h"
#include "common/data/dataset.h"
#include "common/nn/backward.h"
#include "common/nn/graph.h"
#include "common/nn/loss.h"
#include "common/nn/model_state.h"
#include "common/quant/histogram.h"

namespace fedqat {

// Not thread-safe: one Network for each thread. `graph` must outlive it. A load() takes the memory
// of its kind of passes, fp32 or integers, for max_batch samples; no step allocates.
class Network {
 public:
  // With a team, which must outlive it, passes in integers share the products of large layers among
  // its threads; the bits are the same.
  Network(const Graph& graph, const InputGrid& input, int max_batch,
          Backward backward = Backward::kFloat, Team* team = nullptr);
  ~Network();
  Network(Network&&) noexcept;

  // Copies a model in and chooses float or integer forward passes by state.quantized.
  void load(const ModelState& state);
  std::span<float> params();  // trained in place by the optimizer

  // codes [n, input], labels [n], 1 <= n <= max_batch.
  // Forward and backward: grads() becomes the gradient of the batch's mean loss. int8 gradients of
  // a quantized model are rounded at random, by `key`.
  BatchStats train_batch(const std::uint8_t* codes, const std::uint8_t* labels, int n,
                         const BatchKey& key = {});
  std::span<float> grads();  // 0 before the first train_batch() of a load()
  // The same, but every gradient goes to `sink` as soon as it is known, and into grads() none: that
  // takes the memory of one step's gradients instead of all. The sink may change params().
  BatchStats train_batch(const std::uint8_t* codes, const std::uint8_t* labels, int n,
                         const BatchKey& key, GradientSink& sink);
  // Forward only.
  BatchStats eval_batch(const std::uint8_t* codes, const std::uint8_t* labels, int n);
  // Forward only, for logits() alone.
  void infer_batch(const std::uint8_t* codes, int n);
  // Float forward pass that adds the output values of every step that requantizes to
  // histograms[step]. kChecks: !quantized, histograms.size() == graph.steps.size().
  void observe_batch(const std::uint8_t* codes, int n, std::span<Log2Histogram> histograms);

  // The parameters; the next use must be a load().
  std::vector<float> release_params() &&;
  // Bytes of memory for the passes of the last load(), parameters and grads() not counted.
  std::size_t pass_bytes() const;

  // Of the last pass: logits [n, classes], and their codes when the pass ran on integers.
  std::span<const float> logits() const;
  std::span<const std::uint8_t> output_codes() const;
  // Of the last fp32 pass, forward only, n samples long: value i, [n, shape]; 0 is the input, i + 1
  // of step i.
  std::span<const float> real_value(int i, int n) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fedqat
