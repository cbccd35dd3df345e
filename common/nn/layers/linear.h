// Dense and Conv2D of the trainer.
#pragma once

#include <optional>
#include <vector>

#include "common/nn/layers/conv_real.h"
#include "common/nn/layers/layer.h"
#include "common/nn/layers/linear_int8.h"
#include "common/nn/layers/output_gradient.h"

namespace fedqat {

class LinearLayer final : public Layer {
 public:
  LinearLayer(const Graph& graph, const Step& step, const LayerMemory& memory, Backward backward);

  void load(const Pass& pass) override;
  void forward(const Pass& pass) override;
  void backward(const Pass& pass) override;
  bool streams_weights() const override { return int8_.has_value(); }

 private:
  void load_codes(const Pass& pass);
  void forward_float(const Pass& pass);
  OutputSums sums(const Pass& pass) const;
  void backward_scales(const Pass& pass, const float* w, float* dw);
  void backward_dense(const Pass& pass, const float* dv, const float* w, float* dw);
  void backward_conv(const Pass& pass, std::ptrdiff_t sample, const float* dv, const float* w,
                     float* dw);
  std::span<const float> param(const Pass& pass, int index) const;
  float* grad(const Pass& pass, int index) const;

  const Graph& graph_;
  const Step step_;
  const kernels::SgemmKernel& sgemm_;
  const kernels::ElementwiseKernels& elementwise_;
  const int channels_;
  int fan_in_ = 0;
  OutputGradient output_;

  std::optional<ConvReal> conv_real_;
  // Integer passes. Scales are real values, not log2.
  std::unique_ptr<LinearInt> integer_;
  std::optional<LinearInt8> int8_;
  Buffer<std::int32_t> acc_;  // without int8_, or where output_ learns the range
  Buffer<float> w_hat_;       // without int8_
  Buffer<std::int8_t> w_codes_;
  std::vector<float> w_scale_;
  std::vector<std::int32_t> bias_code_;
  std::vector<float> dw_scale_;
};

}  // namespace fedqat
