#include "common/nn/layers/depthwise.h"

#include <algorithm>
#include <limits>

#include "common/nn/layers/joined.h"
#include "common/nn/learnt_scales.h"

namespace fedqat {
namespace {

constexpr float kNoFloor = -std::numeric_limits<float>::infinity();

std::size_t count(int n) { return static_cast<std::size_t>(n); }

}  // namespace

DepthwiseLayer::DepthwiseLayer(const Graph& graph, const Step& step, const LayerMemory& memory)
    : graph_(graph),
      step_(step),
      window_(window_of(step)),
      depthwise_(kernels::depthwise_kernel()),
      elementwise_(kernels::elementwise()),
      channels_(step.out.c),
      taps_(step.kernel_h * step.kernel_w),
      width_(kernels::depthwise_width(step.out.c)),
      output_(graph, step, memory, 1) {
  const auto outputs = count(memory.max_batch) * step.out.size();
  w_ = Buffer<float>(count(taps_ * width_));
  dw_ = Buffer<float>(count(taps_ * width_));
  wide_bias_.resize(count(joined_rows(channels_) * channels_));
  if (!memory.integers) return;
  integer_ = std::make_unique<DepthwiseInt>(step);
  memory.plan.add(acc_, outputs, {memory.kept()});
  w_codes_ = Buffer<std::int8_t>(count(channels_ * taps_));
  w_hat_ = Buffer<float>(count(channels_ * taps_));
  w_scale_.resize(count(channels_));
  dw_scale_.resize(count(channels_));
  bias_code_.resize(count(channels_));
}

std::span<const float> DepthwiseLayer::param(const Pass& pass, int index) const {
  const ParamTensor& p = graph_.params[count(index)];
  return pass.params.subspan(p.offset, p.size);
}

float* DepthwiseLayer::grad(const Pass& pass, int index) const {
  return pass.grad(graph_.params[count(index)]).data();
}

void DepthwiseLayer::load(const Pass& pass) {
  const float* w = param(pass, step_.weight).data();
  const auto bias = param(pass, step_.bias);
  if (pass.integers) {
    const ValueGrid& x = pass.values[count(step_.inputs[0])].grid;
    weight_scales(graph_, step_, pass.params, w_scale_);
    for (std::size_t c = 0; c < w_scale_.size(); ++c) {
      bias_code_[c] = bias_code(bias[c], x.scale, w_scale_[c]);
    }
    elementwise_.quantize_weights(w, channels_, taps_, w_scale_.data(),
                                  (1 << (step_.weight_bits - 1)) - 1, w_codes_.data(),
                                  w_hat_.data());
    integer_->set(w_codes_.data(), w_scale_.data(), bias_code_.data(), x,
                  pass.values[count(step_.output)].grid);
    w = w_hat_.data();
  } else {
    repeat_channels(bias, wide_bias_);
  }
  for (int c = 0; c < channels_; ++c) {
    for (int t = 0; t < taps_; ++t) w_[count(t * width_ + c)] = w[c * taps_ + t];
  }
}

kernels::DepthwiseReal DepthwiseLayer::sample(const Pass& pass, std::ptrdiff_t s) const {
  const Value& x = pass.values[count(step_.inputs[0])];
  kernels::DepthwiseReal a{.window = window_, .w = w_.data()};
  if (pass.integers) {
    a.x_codes = x.codes.data() + s * static_cast<std::ptrdiff_t>(step_.in.size());
    a.x_zero = x.grid.code.zero;
  } else {
    a.x = x.real_sample(s);
  }
  return a;
}

void DepthwiseLayer::forward(const Pass& pass) {
  const Value& x = pass.values[count(step_.inputs[0])];
  Value& y = pass.values[count(step_.output)];
  if (pass.integers) {
    return integer_->forward(x.codes.data(), pass.n, acc_.data(), y.codes.data());
  }
  const auto out = static_cast<std::ptrdiff_t>(step_.out.size());
  for (std::ptrdiff_t s = pass.first; s < pass.first + pass.n; ++s) {
    kernels::DepthwiseReal a = sample(pass, s);
    a.y = y.real.data() + s * out;
    depthwise_.forward_real(a);
  }
  // Behind a sample the kernel writes into the next: the bias comes after all.
  const std::ptrdiff_t begin = pass.first * out;
  for_joined(0, pass.n * out, static_cast<int>(wide_bias_.size()),
             [&](std::ptrdiff_t at, std::ptrdiff_t rows, int width, int) {
               elementwise_.add_bias(y.real.data() + begin + at, rows, width, wide_bias_.data(),
                                     step_.relu ? 0.0F : kNoFloor);
             });
}

void DepthwiseLayer::backward(const Pass& pass) {
  if (pass.first == 0) {
    output_.begin();
    std::fill(dw_.span().begin(), dw_.span().end(), 0.0F);
  }
  for (std::ptrdiff_t s = pass.first; s < pass.first + pass.n; ++s) {
    backward_windows(pass, s, output_.of(pass, s, 1, sums(pass)));
  }
  if (!pass.last) return;
  output_.finish(pass, sums(pass));
  backward_weights(pass);
}

OutputSums DepthwiseLayer::sums(const Pass& pass) const {
  return pass.integers ? OutputSums{acc_.data(), integer_->wide_mult().data()} : OutputSums{};
}

void DepthwiseLayer::backward_windows(const Pass& pass, std::ptrdiff_t s, const float* dv) {
  Value& x = pass.values[count(step_.inputs[0])];
  kernels::DepthwiseReal a = sample(pass, s);
  a.dy = dv;
  a.dw = dw_.data();
  depthwise_.weight_gradient(a);
  if (!x.wants_grad) return;
  a.dx = x.grad.data() + s * static_cast<std::ptrdiff_t>(step_.in.size());
  a.add = x.shared;
  depthwise_.input_gradient(a);
  x.gradient_is_set(s);
}

void DepthwiseLayer::backward_weights(const Pass& pass) {
  float* dw = grad(pass, step_.weight);
  for (int c = 0; c < channels_; ++c) {
    for (int t = 0; t < taps_; ++t) dw[c * taps_ + t] = dw_[count(t * width_ + c)];
  }
  if (!pass.integers) return;
  const int levels = (1 << (step_.weight_bits - 1)) - 1;
  const float x_scale = pass.values[count(step_.inputs[0])].grid.scale;
  elementwise_.weights_backward(param(pass, step_.weight).data(), channels_, taps_, w_scale_.data(),
                                levels, x_scale, dw, dw_scale_.data());
  WeightScaleGradient dtheta(pass.grad(graph_.params[count(step_.weight_scale)]), w_scale_.size(),
                             count(taps_), levels);
  for (std::size_t c = 0; c < w_scale_.size(); ++c) dtheta.set(c, w_scale_[c], dw_scale_[c]);
}

}  // namespace fedqat
