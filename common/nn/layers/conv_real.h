// The fp32 products of Conv2D. Images are multiplied where they lie: the windows of a row of
// outputs are rows of a matrix that overlap, and only padding needs a copy.
#pragma once

#include <cstdint>

#include "common/kernels/elementwise/elementwise.h"
#include "common/kernels/sgemm/sgemm.h"
#include "common/nn/graph.h"
#include "common/nn/integer_ops.h"
#include "common/tensor/buffer.h"

namespace fedqat {

// One sample at a time. w and dw are [channels, fan_in], fan_in = kernel_h * kernel_w * in.c;
// scratch has kSgemmScratch floats. Sums are chains as in kernels/sgemm, over ascending elements of
// a window (forward), output positions (weights), channels (each window's share of dx).
class ConvReal {
 public:
  explicit ConvReal(const Step& step);

  // Takes the weights of forward().
  void load(const float* w);
  // y [out] = max(sum + bias of its channel, floor).
  void forward(const float* x, const float* bias, float floor, float* y, float* scratch);
  // dw = (accumulate ? dw : 0) + sum over positions of dv x. Codes stand for float(code - zero).
  void weight_gradient(const float* dv, const float* x, bool accumulate, float* dw, float* scratch);
  void weight_gradient(const float* dv, const std::uint8_t* codes, std::int32_t zero,
                       bool accumulate, float* dw, float* scratch);
  // dx = (add ? dx : 0) + sum over windows in order.
  void input_gradient(const float* dv, const float* w, bool add, float* dx, float* scratch);

 private:
  const float* padded(const float* x);
  void sum_weights(const float* dv, const float* image, bool accumulate, float* dw, float* scratch);

  const Step step_;
  const kernels::SgemmKernel& sgemm_;
  const kernels::ElementwiseKernels& elementwise_;
  const kernels::Window inside_;  // of the image with its padding
  const bool pointwise_;
  const int channels_, fan_in_, segment_;
  const std::ptrdiff_t line_;  // of the padded image
  bool unfolds_ = false;       // for weight gradients: segments are too short for vectors
  int strip_ = 1;              // rows of outputs whose patches stay in the cache
  Buffer<float> panels_;       // weights, [panel][fan_in][kPanel]
  Buffer<float> image_;        // the edge stays 0
  Buffer<float> patches_;
};

}  // namespace fedqat
