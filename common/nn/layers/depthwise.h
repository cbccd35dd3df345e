// Depthwise Conv2D of the trainer.
#pragma once

#include <memory>
#include <vector>

#include "common/kernels/depthwise/depthwise.h"
#include "common/nn/depthwise_int.h"
#include "common/nn/layers/layer.h"
#include "common/nn/layers/output_gradient.h"

namespace fedqat {

class DepthwiseLayer final : public Layer {
 public:
  DepthwiseLayer(const Graph& graph, const Step& step, const LayerMemory& memory);

  void load(const Pass& pass) override;
  void forward(const Pass& pass) override;
  void backward(const Pass& pass) override;

 private:
  std::span<const float> param(const Pass& pass, int index) const;
  float* grad(const Pass& pass, int index) const;
  // x of a sample, real or as codes.
  kernels::DepthwiseReal sample(const Pass& pass, std::ptrdiff_t s) const;
  OutputSums sums(const Pass& pass) const;
  void backward_windows(const Pass& pass, std::ptrdiff_t s, const float* dv);
  void backward_weights(const Pass& pass);

  const Graph& graph_;
  const Step step_;
  const kernels::Window window_;
  const kernels::DepthwiseKernel& depthwise_;
  const kernels::ElementwiseKernels& elementwise_;
  const int channels_, taps_, width_;
  OutputGradient output_;

  Buffer<float> w_, dw_;  // [taps, width]: as the kernels take them
  std::vector<float> wide_bias_;
  // Integer passes. Scales are real values, not log2.
  std::unique_ptr<DepthwiseInt> integer_;
  Buffer<std::int32_t> acc_;
  Buffer<std::int8_t> w_codes_;  // [channels, taps], as is w_hat
  Buffer<float> w_hat_;
  std::vector<float> w_scale_, dw_scale_;
  std::vector<std::int32_t> bias_code_;
};

}  // namespace fedqat
