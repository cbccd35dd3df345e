// The first part of a backward pass in fp32 of Dense, Conv2D and depthwise Conv2D:
// docs/numerics.md, "Training".
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/kernels/elementwise/elementwise.h"
#include "common/nn/layers/layer.h"
#include "common/nn/layers/range_learner.h"

namespace fedqat {

// What a forward pass on integers leaves of a batch: sums [max_batch, out] and, a channel each and
// repeated as joined rows are, what makes positions of them. Null in fp32.
struct OutputSums {
  const std::int32_t* acc = nullptr;
  const float* wide_mult = nullptr;
};

// From the gradient of a step's outputs back through rounding, clipping and ReLU. Not thread-safe.
class OutputGradient {
 public:
  // Results of so many samples are there at once; 0 where another class has of().
  OutputGradient(const Graph& graph, const Step& step, const LayerMemory& memory, int samples);

  void begin();  // before a batch's first sample
  // dv [samples, rows, channels], the gradient of the sums of these samples; valid until the next
  // call. Adds to the gradients of bias and range.
  const float* of(const Pass& pass, std::ptrdiff_t first, int samples, const OutputSums& sums);
  // After the last: sets the gradients of bias and, of integers, of the range.
  void finish(const Pass& pass, const OutputSums& sums);

  // The range has rules of its own, which need all sums of the batch.
  bool learns_range() const { return range_.active(); }
  // A part of finish(), for those who set the gradients themselves.
  void learn_range(const Pass& pass, const OutputSums& sums);

 private:
  const Graph& graph_;
  const Step step_;
  const kernels::ElementwiseKernels& elementwise_;
  RangeLearner range_;
  Buffer<float> dv_;                   // none where it is dy
  std::vector<float> dbias_, dscale_;  // lanes of joined rows
};

}  // namespace fedqat
