// The deployed arithmetic of depthwise convolution (docs/numerics.md), as integer_ops.h has that of
// the other steps: trainer and engine both run it.
#pragma once

#include <cstdint>
#include <vector>

#include "common/kernels/depthwise/depthwise.h"
#include "common/kernels/elementwise/elementwise.h"
#include "common/nn/integer_ops.h"
#include "common/tensor/buffer.h"

namespace fedqat {

// acc = bias + sum over the window of (x - z_x) * w; y = clamp(rint(acc * mult) + z_y).
class DepthwiseInt {
 public:
  explicit DepthwiseInt(const Step& step);

  // w [channels, taps], scales and bias [channels]. Copies what it needs.
  void set(const std::int8_t* w, const float* w_scale, const std::int32_t* bias, const ValueGrid& x,
           const ValueGrid& y);

  // x [n, in], acc [n, out], y [n, out], with the slack of Buffer.
  void forward(const std::uint8_t* x, int n, std::int32_t* acc, std::uint8_t* y);
  // The same y; acc [n, out] is room that may be used.
  void infer(const std::uint8_t* x, int n, std::int32_t* acc, std::uint8_t* y);

  // Of the last set(), repeated joined_rows(channels) times.
  const std::vector<float>& wide_mult() const { return wide_mult_; }

 private:
  // One sample.
  void requantize(const std::int32_t* acc, std::uint8_t* y) const;

  const Step step_;
  const kernels::Window window_;
  const kernels::DepthwiseKernel& depthwise_;
  const kernels::ElementwiseKernels& elementwise_;
  Buffer<std::int16_t> packed_;
  Buffer<std::int32_t> start_;
  Buffer<std::uint8_t> outside_;
  std::vector<float> mult_, wide_mult_;
  // Where the kernel has forward_columns().
  Buffer<std::int8_t> columns_;
  std::vector<std::int32_t> column_start_;
  std::vector<float> column_mult_;
  ValueGrid y_;
};

}  // namespace fedqat
