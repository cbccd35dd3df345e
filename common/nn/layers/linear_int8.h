// The int8 backward pass of Dense and Conv2D: docs/numerics.md, "Training".
#pragma once

#include <optional>
#include <vector>

#include "common/kernels/qgemm_tn/qgemm_tn.h"
#include "common/nn/layers/input_gradient.h"
#include "common/nn/layers/layer.h"

namespace fedqat {

class LinearInt8 {
 public:
  // Whether all its sums are exact in int32; the gradients of other steps stay fp32.
  static bool fits(const Step& step);
  // The backward pass of such a step runs on it.
  static bool takes(const Step& step, bool integers, Backward backward);

  LinearInt8(const Graph& graph, const Step& step, const LayerMemory& memory);

  // scales [channels], used until the next load(). Sets codes [channels, fan_in], which backward()
  // takes up again where the input wants a gradient.
  void load(const Pass& pass, const float* scales, std::int8_t* codes);

  // Gradients as Layer::backward().
  void backward(const Pass& pass);

 private:
  struct Block {
    int first, samples;
  };
  // All elements that have a gradient, from a sample on.
  kernels::GradientMatrix output(const Pass& pass, int first) const;
  float range(const Pass& pass);
  void quantize(const Pass& pass, float inverse, Block block);
  void sum_conv(const Pass& pass, Block block, bool accumulate);
  void keep_sums(bool earlier);
  void dense_weights(const Pass& pass, float range);
  // Gradients of the parameters of `count` channels from `first` on.
  void set_gradients(const Pass& pass, float range, int first, int count, bool earlier);
  void clear(const Pass& pass);
  const float* weights(const Pass& pass) const;
  std::span<float> grad(const Pass& pass, int index) const;

  const Graph& graph_;
  const Step step_;
  const kernels::QgemmTnKernel& qgemm_tn_;
  const kernels::GradientKernels& gradient_;
  const bool conv_;
  const int channels_;
  const int fan_in_;
  const std::ptrdiff_t sum_ld_;  // of sums_: whole cache lines
  const int sheet_samples_;      // samples, output rows and quads of a sheet: see linear_int8.cc
  const int sheet_rows_;
  const int quads_;
  const std::ptrdiff_t grads_;  // elements of a sample that have a gradient
  const float* scales_ = nullptr;
  const std::int8_t* codes_ = nullptr;
  std::optional<InputGradient> input_;
  std::optional<Patches> unfold_;
  std::vector<float> wide_scale_, lanes_;
  Buffer<float> row_;  // a channel's gradient on its way to the sink
  std::ptrdiff_t patch_ld_ = 0;
  Buffer<std::uint8_t> random_, q8_, patches_;
  Buffer<std::int16_t> q16_;  // of a sheet
  // With Value::maxima:
  std::optional<kernels::Window> pool_;
  Buffer<std::int16_t> maxima16_;  // of a sample
  Buffer<std::uint8_t> maxima8_;
  Buffer<std::int8_t> digits_;
  Buffer<std::int32_t> sums_, bias_sums_;
  Buffer<float> earlier_, bias_earlier_;  // sums of the blocks before
};

}  // namespace fedqat
