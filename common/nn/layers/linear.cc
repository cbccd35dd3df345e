#include "common/nn/layers/linear.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/base/exact_math.h"

namespace fedqat {
namespace {

constexpr float kNoFloor = -std::numeric_limits<float>::infinity();

int positive_levels(int weight_bits) { return (1 << (weight_bits - 1)) - 1; }

}  // namespace

LinearLayer::LinearLayer(const Graph& graph, const Step& step, int max_batch, Backward backward)
    : graph_(graph),
      step_(step),
      sgemm_(kernels::sgemm_kernel()),
      elementwise_(kernels::elementwise()),
      conv_(step.op == Op::kConv2d),
      channels_(step.out.c) {
  fan_in_ = conv_ ? window_of(step).depth() : static_cast<int>(step.in.size());
  code_ld_ = fan_in_;
  const auto weights = static_cast<std::size_t>(channels_) * static_cast<std::size_t>(fan_in_);
  const auto outputs = static_cast<std::size_t>(max_batch) * step.out.size();
  const auto block_rows = static_cast<std::size_t>(samples_per_block(step)) *
                          static_cast<std::size_t>(step.out.h * step.out.w);
  dv_ = Buffer<float>(outputs);
  if (conv_) patches_ = Buffer<float>(block_rows * static_cast<std::size_t>(fan_in_));
  if (!graph.quant.is_float()) {
    integer_ = std::make_unique<LinearInt>(step);
    if (backward == Backward::kInt8 && LinearInt8::fits(step)) {
      int8_.emplace(graph, step, max_batch);
      residual_ = Buffer<std::int8_t>(outputs);
    } else {
      acc_ = Buffer<std::int32_t>(outputs);
      w_hat_ = Buffer<float>(weights);
    }
    w_codes_ = Buffer<std::int8_t>(weights);
    w_scale_.resize(static_cast<std::size_t>(channels_));
    dw_scale_.resize(static_cast<std::size_t>(channels_));
    bias_code_.resize(static_cast<std::size_t>(channels_));
    if (conv_)
      code_patches_ = Buffer<std::uint8_t>(block_rows * static_cast<std::size_t>(code_ld_));
  }
  const auto wide = static_cast<std::size_t>(joined_rows(channels_) * channels_);
  wide_bias_.resize(wide);
  wide_dbias_.resize(wide);
  wide_dscale_.resize(wide);
}

std::span<const float> LinearLayer::param(const Pass& pass, int index) const {
  const ParamTensor& p = graph_.params[static_cast<std::size_t>(index)];
  return pass.params.subspan(p.offset, p.size);
}

float* LinearLayer::grad(const Pass& pass, int index) const {
  return pass.grads.data() + graph_.params[static_cast<std::size_t>(index)].offset;
}

void LinearLayer::load(const Pass& pass) {
  if (pass.integers) {
    load_codes(pass);
  } else {
    repeat_channels(param(pass, step_.bias), wide_bias_);
  }
}

void LinearLayer::load_codes(const Pass& pass) {
  const Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  const Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  const auto thetas = param(pass, step_.weight_scale);
  const auto bias = param(pass, step_.bias);
  for (std::size_t c = 0; c < w_scale_.size(); ++c) {
    w_scale_[c] = static_cast<float>(exact_exp2(thetas[c]));
    bias_code_[c] = bias_code(bias[c], x.grid.scale, w_scale_[c]);
  }
  if (int8_) {
    int8_->load(pass, w_scale_.data(), w_codes_.data());
  } else {
    elementwise_.quantize_weights(param(pass, step_.weight).data(), channels_, fan_in_,
                                  w_scale_.data(), positive_levels(step_.weight_bits),
                                  w_codes_.data(), w_hat_.data());
  }
  integer_->set(w_codes_.data(), w_scale_.data(), bias_code_.data(), x.grid, y.grid);
}

template <class T>
const T* LinearLayer::input_rows(const Value& x, const Buffer<T>& from, T outside, int first,
                                 int samples, Buffer<T>& patches, std::ptrdiff_t ld) const {
  const auto size = static_cast<std::ptrdiff_t>(x.shape.size());
  if (!conv_) return from.data() + first * size;
  const kernels::Window window = window_of(step_);
  const std::ptrdiff_t rows = std::ptrdiff_t{step_.out.h} * step_.out.w;
  for (int s = 0; s < samples; ++s) {
    kernels::im2col(window, from.data() + (first + s) * size, outside,
                    patches.data() + s * rows * ld, ld);
  }
  return patches.data();
}

void LinearLayer::forward(const Pass& pass) {
  if (!pass.integers) return forward_float(pass);
  const Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  integer_->forward(x.codes.data(), pass.n, y.codes.data(), int8_ ? nullptr : acc_.data(),
                    int8_ ? residual_.data() : nullptr);
}

void LinearLayer::forward_float(const Pass& pass) {
  const Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  const int rows = conv_ ? step_.out.h * step_.out.w : 1;
  const int block = conv_ ? samples_per_block(step_) : pass.n;
  kernels::SgemmArgs g{};
  g.n = channels_;
  g.k = fan_in_;
  g.a_row = fan_in_;
  g.a_col = 1;
  g.b = param(pass, step_.weight).data();
  g.b_row = 1;
  g.b_col = fan_in_;
  g.ldc = channels_;
  g.scratch = pass.scratch;
  for (int first = 0; first < pass.n; first += block) {
    const int samples = std::min(block, pass.n - first);
    g.m = samples * rows;
    g.a = input_rows(x, x.real, 0.0F, first, samples, patches_, fan_in_);
    g.c = y.real.data() + first * static_cast<std::ptrdiff_t>(step_.out.size());
    sgemm_.run(g);
  }
  const auto total = static_cast<std::ptrdiff_t>(pass.n) * rows;
  const std::ptrdiff_t joined = joined_rows(channels_);
  const std::ptrdiff_t whole = total / joined;
  const auto width = static_cast<int>(wide_bias_.size());
  const float floor = step_.relu ? 0.0F : kNoFloor;
  elementwise_.add_bias(y.real.data(), whole, width, wide_bias_.data(), floor);
  elementwise_.add_bias(y.real.data() + whole * width, 1,
                        static_cast<int>((total - whole * joined) * channels_), wide_bias_.data(),
                        floor);
}

void LinearLayer::backward(const Pass& pass) {
  if (pass.integers && int8_) return int8_->backward(pass, residual_.data());
  backward_output(pass);
  backward_products(pass);
}

void LinearLayer::sum_wide(const std::vector<float>& wide, float* channels) const {
  std::fill_n(channels, channels_, 0.0F);
  for (std::size_t i = 0; i < wide.size(); ++i)
    channels[i % static_cast<std::size_t>(channels_)] += wide[i];
}

void LinearLayer::backward_output(const Pass& pass) {
  Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  const auto total = static_cast<std::ptrdiff_t>(pass.n) * step_.out.h * step_.out.w;
  const std::ptrdiff_t joined = joined_rows(channels_);
  const std::ptrdiff_t whole = total / joined;
  const auto width = static_cast<int>(wide_dbias_.size());
  const std::ptrdiff_t done = whole * width;
  const auto rest = static_cast<int>((total - whole * joined) * channels_);
  std::fill(wide_dbias_.begin(), wide_dbias_.end(), 0.0F);
  if (!pass.integers) {
    const float floor = step_.relu ? 0.0F : kNoFloor;
    elementwise_.bias_backward(y.real.data(), y.grad.data(), whole, width, floor, dv_.data(),
                               wide_dbias_.data());
    elementwise_.bias_backward(y.real.data() + done, y.grad.data() + done, 1, rest, floor,
                               dv_.data() + done, wide_dbias_.data());
    sum_wide(wide_dbias_, grad(pass, step_.bias));
    return;
  }
  std::fill(wide_dscale_.begin(), wide_dscale_.end(), 0.0F);
  const float* mult = integer_->wide_mult().data();
  elementwise_.requantize_backward(acc_.data(), y.grad.data(), whole, width, mult, y.grid.code,
                                   dv_.data(), wide_dbias_.data(), wide_dscale_.data());
  elementwise_.requantize_backward(acc_.data() + done, y.grad.data() + done, 1, rest, mult,
                                   y.grid.code, dv_.data() + done, wide_dbias_.data(),
                                   wide_dscale_.data());
  sum_wide(wide_dbias_, grad(pass, step_.bias));
  float dscale = 0;
  for (const float d : wide_dscale_) dscale += d;
  *grad(pass, step_.activation_scale) =
      log2_scale_gradient(y.grid.scale, dscale, step_.out.size(), (1 << step_.activation_bits) - 1);
}

void LinearLayer::backward_products(const Pass& pass) {
  Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  const int rows = conv_ ? step_.out.h * step_.out.w : 1;
  const int block = conv_ ? samples_per_block(step_) : pass.n;
  const auto w = param(pass, step_.weight);
  float* dw = grad(pass, step_.weight);
  // dw [channels, fan_in] = dv^T x
  kernels::SgemmArgs gw{};
  gw.m = channels_;
  gw.n = fan_in_;
  gw.a_row = 1;
  gw.a_col = channels_;
  gw.b_row = fan_in_;
  gw.b_col = 1;
  gw.b_zero = x.grid.code.zero;
  gw.c = dw;
  gw.ldc = fan_in_;
  gw.scratch = pass.scratch;
  // dx [rows, fan_in] = dv w
  kernels::SgemmArgs gx{};
  gx.n = fan_in_;
  gx.k = channels_;
  gx.a_row = channels_;
  gx.a_col = 1;
  gx.b = pass.integers ? w_hat_.data() : w.data();
  gx.b_row = fan_in_;
  gx.b_col = 1;
  gx.ldc = fan_in_;
  gx.scratch = pass.scratch;
  for (int first = 0; first < pass.n; first += block) {
    const int samples = std::min(block, pass.n - first);
    const float* dv = dv_.data() + first * static_cast<std::ptrdiff_t>(step_.out.size());
    gw.k = samples * rows;
    gw.a = dv;
    gw.accumulate = first > 0;
    if (pass.integers) {
      gw.b_codes = input_rows(x, x.codes, static_cast<std::uint8_t>(x.grid.code.zero), first,
                              samples, code_patches_, code_ld_);
    } else {
      gw.b = input_rows(x, x.real, 0.0F, first, samples, patches_, fan_in_);
    }
    sgemm_.run(gw);
    if (!x.wants_grad) continue;
    const auto size = static_cast<std::ptrdiff_t>(step_.in.size());
    gx.m = samples * rows;
    gx.a = dv;
    gx.accumulate = !conv_ && x.shared;
    gx.c = conv_ ? patches_.data() : x.grad.data() + first * size;
    sgemm_.run(gx);
    if (!conv_) continue;
    if (!x.shared) std::fill_n(x.grad.data() + first * size, samples * size, 0.0F);
    for (int s = 0; s < samples; ++s) {
      kernels::col2im(window_of(step_), patches_.data() + std::ptrdiff_t{s} * rows * fan_in_,
                      fan_in_, x.grad.data() + (first + s) * size);
    }
  }
  if (!pass.integers) return;
  const int levels = positive_levels(step_.weight_bits);
  elementwise_.weights_backward(w.data(), channels_, fan_in_, w_scale_.data(), levels, x.grid.scale,
                                dw, dw_scale_.data());
  float* dtheta = grad(pass, step_.weight_scale);
  for (std::size_t c = 0; c < w_scale_.size(); ++c) {
    dtheta[c] =
        log2_scale_gradient(w_scale_[c], dw_scale_[c], static_cast<std::size_t>(fan_in_), levels);
  }
}

}  // namespace fedqat
