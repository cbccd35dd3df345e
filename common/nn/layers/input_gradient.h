// The gradient of a quantized layer's input, from 8-bit codes of the gradient of its output.
#pragma once

#include <optional>

#include "common/kernels/gradient/gradient.h"
#include "common/nn/layers/layer.h"
#include "common/nn/linear_int.h"

namespace fedqat {

//   dx = float(sum of (q8 - 128) * code over what the input went into) * unit
//
// Exact in int32 while channels * kernel_h * kernel_w <= kMaxDepth. Of several ways to the same
// integers the step's shape decides: dense layers multiply, convolutions of stride 1
// over enough channels are convolutions of the codes again, others scatter. One for each thread.
class InputGradient {
 public:
  InputGradient(const Step& step, const LayerMemory& memory);

  // codes [channels, fan_in], used until the next load().
  void load(const std::int8_t* codes);
  // q8 [samples, out] with the slack of Buffer, dx [samples, in]; add: to what is in dx.
  void conv(const std::uint8_t* q8, int samples, float unit, bool add, float* dx);
  // The same, of the columns of dx in some of the strips that there are.
  void dense(const std::uint8_t* q8, int samples, float unit, bool add, float* dx, Share strips);
  int strips() const { return (static_cast<int>(step_.in.size()) + strip_ - 1) / strip_; }

 private:
  void correlate(const std::uint8_t* q8, float unit, bool add, float* dx);
  void scatter(const std::uint8_t* q8, float unit, bool add, float* dx);

  const Step step_;
  const kernels::QgemmKernel& qgemm_;
  const kernels::GradientKernels& gradient_;
  kernels::Window turned_{};  // of the convolution that gives dx
  bool correlates_ = false;
  std::optional<Patches> unfold_;
  int strip_ = 1;  // rows, of Dense columns, of a product whose operands stay in the cache
  const std::int8_t* codes_ = nullptr;
  kernels::QgemmArgs product_{};
  std::ptrdiff_t patch_ld_ = 0;
  Buffer<std::byte> packed_;
  Buffer<std::int8_t> turned_codes_;
  Buffer<std::uint8_t> patches_;
  Buffer<std::int32_t> acc_, image_;
};

}  // namespace fedqat
