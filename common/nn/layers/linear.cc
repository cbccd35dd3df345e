#include "common/nn/layers/linear.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/nn/layers/joined.h"
#include "common/nn/learnt_scales.h"

namespace fedqat {
namespace {

constexpr float kNoFloor = -std::numeric_limits<float>::infinity();

int positive_levels(int weight_bits) { return (1 << (weight_bits - 1)) - 1; }

}  // namespace

LinearLayer::LinearLayer(const Graph& graph, const Step& step, const LayerMemory& memory,
                         Backward backward)
    : graph_(graph),
      step_(step),
      sgemm_(kernels::sgemm_kernel()),
      elementwise_(kernels::elementwise()),
      channels_(step.out.c),
      range_(graph, step, memory) {
  const bool conv = step.op == Op::kConv2d;
  fan_in_ = conv ? window_of(step).depth() : static_cast<int>(step.in.size());
  const bool in_int8 = LinearInt8::takes(step, memory.integers, backward);
  if (conv && !in_int8) conv_real_.emplace(step);
  const auto weights = static_cast<std::size_t>(channels_) * static_cast<std::size_t>(fan_in_);
  const auto outputs = static_cast<std::size_t>(memory.max_batch) * step.out.size();
  if (!in_int8 && (memory.integers || step.relu)) {
    memory.plan.add(dv_, conv ? step.out.size() : outputs, {memory.backward});
  }
  if (memory.integers) {
    integer_ = std::make_unique<LinearInt>(step, memory.plan, memory.forward, memory.team);
    if (in_int8) {
      int8_.emplace(graph, step, memory);
    } else {
      memory.plan.add(w_hat_, weights, {memory.kept()});
    }
    if (!in_int8 || range_.active()) memory.plan.add(acc_, outputs, {memory.kept()});
    const bool again = in_int8 && step.inputs[0] != 0;  // for the gradient of the input
    memory.plan.add(w_codes_, weights, {again ? memory.kept() : memory.forward});
    w_scale_.resize(static_cast<std::size_t>(channels_));
    dw_scale_.resize(static_cast<std::size_t>(channels_));
    bias_code_.resize(static_cast<std::size_t>(channels_));
  }
  const auto wide = static_cast<std::size_t>(joined_rows(channels_) * channels_);
  wide_dbias_.resize(wide);
  wide_dscale_.resize(wide);
}

std::span<const float> LinearLayer::param(const Pass& pass, int index) const {
  const ParamTensor& p = graph_.params[static_cast<std::size_t>(index)];
  return pass.params.subspan(p.offset, p.size);
}

float* LinearLayer::grad(const Pass& pass, int index) const {
  return pass.grad(graph_.params[static_cast<std::size_t>(index)]).data();
}

void LinearLayer::load(const Pass& pass) {
  if (pass.integers) {
    load_codes(pass);
  } else if (conv_real_) {
    conv_real_->load(param(pass, step_.weight).data());
  }
}

void LinearLayer::load_codes(const Pass& pass) {
  const Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  const Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  const auto bias = param(pass, step_.bias);
  weight_scales(graph_, step_, pass.params, w_scale_);
  for (std::size_t c = 0; c < w_scale_.size(); ++c) {
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

void LinearLayer::forward(const Pass& pass) {
  if (!pass.integers) return forward_float(pass);
  const Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  integer_->forward(x.codes.data(), pass.n, y.codes.data(), acc_.size() > 0 ? acc_.data() : nullptr,
                    int8_ ? y.residual.data() : nullptr);
}

void LinearLayer::forward_float(const Pass& pass) {
  const Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  const float* bias = param(pass, step_.bias).data();
  const float floor = step_.relu ? 0.0F : kNoFloor;
  if (conv_real_) {
    const auto out = static_cast<std::ptrdiff_t>(step_.out.size());
    for (std::ptrdiff_t s = pass.first; s < pass.first + pass.n; ++s) {
      conv_real_->forward(x.real_sample(s), bias, floor, y.real.data() + s * out, pass.scratch);
    }
    return;
  }
  kernels::SgemmArgs g{};
  g.m = pass.n;
  g.n = channels_;
  g.k = fan_in_;
  g.a = x.real.data();
  g.a_row = fan_in_;
  g.a_col = 1;
  g.b = param(pass, step_.weight).data();
  g.b_row = 1;
  g.b_col = fan_in_;
  g.c = y.real.data();
  g.ldc = channels_;
  g.scratch = pass.scratch;
  g.bias = bias;
  g.floor = floor;
  sgemm_.run(g);
}

void LinearLayer::backward(const Pass& pass) {
  if (pass.integers && int8_) {
    int8_->backward(pass);
    return learn_range(pass);
  }
  if (pass.first == 0) {
    std::fill(wide_dbias_.begin(), wide_dbias_.end(), 0.0F);
    std::fill(wide_dscale_.begin(), wide_dscale_.end(), 0.0F);
  }
  const float* w = param(pass, step_.weight).data();
  const float* w_used = pass.integers ? w_hat_.data() : w;
  float* dw = grad(pass, step_.weight);
  if (conv_real_) {
    for (std::ptrdiff_t s = pass.first; s < pass.first + pass.n; ++s) {
      backward_conv(pass, s, backward_output(pass, s, 1), w_used, dw);
    }
  } else {
    backward_dense(pass, backward_output(pass, 0, pass.n), w_used, dw);
  }
  if (!pass.last) return;
  set_sums(pass);
  if (!pass.integers) return;
  backward_scales(pass, w, dw);
  learn_range(pass);
}

void LinearLayer::learn_range(const Pass& pass) {
  if (!range_.active()) return;
  const Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  const float* mult = integer_->wide_mult().data();
  range_.begin(y.grid);
  for (std::size_t i = 0, n = static_cast<std::size_t>(pass.n) * step_.out.size(); i < n;) {
    for (int c = 0; c < channels_; ++c, ++i) {
      range_.add(static_cast<float>(acc_[i]) * mult[c], y.grad[i]);
    }
  }
  range_.finish(pass);
}

const float* LinearLayer::backward_output(const Pass& pass, std::ptrdiff_t first, int samples) {
  const Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  const auto out = static_cast<std::ptrdiff_t>(step_.out.size());
  const std::ptrdiff_t begin = first * out;
  for_joined(begin, samples * out, static_cast<int>(wide_dbias_.size()),
             [&](std::ptrdiff_t at, std::ptrdiff_t rows, int width, int lane) {
               const float* dy = y.grad.data() + at;
               float* dv = dv_.data() + (at - begin);
               float* dbias = wide_dbias_.data() + lane;
               if (pass.integers) {
                 elementwise_.requantize_backward(acc_.data() + at, dy, rows, width,
                                                  integer_->wide_mult().data() + lane, y.grid.code,
                                                  dv, dbias, wide_dscale_.data() + lane);
               } else if (step_.relu) {
                 elementwise_.bias_backward(y.real.data() + at, dy, rows, width, 0, dv, dbias);
               } else {
                 elementwise_.sum_rows(dy, rows, width, dbias);
               }
             });
  return dv_.size() > 0 ? dv_.data() : y.grad.data() + begin;
}

void LinearLayer::set_sums(const Pass& pass) {
  sum_lanes(wide_dbias_, channels_, grad(pass, step_.bias));
  if (!pass.integers) return;
  float dscale = 0;
  for (const float d : wide_dscale_) dscale += d;
  const float scale = pass.values[static_cast<std::size_t>(step_.output)].grid.scale;
  *grad(pass, step_.activation_scale) =
      log2_scale_gradient(scale, dscale, step_.out.size(), (1 << step_.activation_bits) - 1);
}

void LinearLayer::backward_scales(const Pass& pass, const float* w, float* dw) {
  const int levels = positive_levels(step_.weight_bits);
  const float x_scale = pass.values[static_cast<std::size_t>(step_.inputs[0])].grid.scale;
  elementwise_.weights_backward(w, channels_, fan_in_, w_scale_.data(), levels, x_scale, dw,
                                dw_scale_.data());
  WeightScaleGradient dtheta(pass.grad(graph_.params[static_cast<std::size_t>(step_.weight_scale)]),
                             w_scale_.size(), static_cast<std::size_t>(fan_in_), levels);
  for (std::size_t c = 0; c < w_scale_.size(); ++c) dtheta.set(c, w_scale_[c], dw_scale_[c]);
}

void LinearLayer::backward_dense(const Pass& pass, const float* dv, const float* w, float* dw) {
  Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  // dw [channels, fan_in] = dv^T x
  kernels::SgemmArgs gw{};
  gw.m = channels_;
  gw.n = fan_in_;
  gw.k = pass.n;
  gw.a = dv;
  gw.a_row = 1;
  gw.a_col = channels_;
  gw.b = pass.integers ? nullptr : x.real.data();
  gw.b_codes = x.codes.data();
  gw.b_zero = x.grid.code.zero;
  gw.b_row = fan_in_;
  gw.b_col = 1;
  gw.c = dw;
  gw.ldc = fan_in_;
  gw.scratch = pass.scratch;
  sgemm_.run(gw);
  if (!x.wants_grad) return;
  // dx [n, fan_in] = dv w
  kernels::SgemmArgs gx{};
  gx.m = pass.n;
  gx.n = fan_in_;
  gx.k = channels_;
  gx.a = dv;
  gx.a_row = channels_;
  gx.a_col = 1;
  gx.b = w;
  gx.b_row = fan_in_;
  gx.b_col = 1;
  gx.c = x.grad.data();
  gx.ldc = fan_in_;
  gx.accumulate = x.shared;
  gx.scratch = pass.scratch;
  sgemm_.run(gx);
}

void LinearLayer::backward_conv(const Pass& pass, std::ptrdiff_t sample, const float* dv,
                                const float* w, float* dw) {
  Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  const std::ptrdiff_t at = sample * static_cast<std::ptrdiff_t>(step_.in.size());
  if (pass.integers) {
    conv_real_->weight_gradient(dv, x.codes.data() + at, x.grid.code.zero, sample > 0, dw,
                                pass.scratch);
  } else {
    conv_real_->weight_gradient(dv, x.real_sample(sample), sample > 0, dw, pass.scratch);
  }
  if (!x.wants_grad) return;
  conv_real_->input_gradient(dv, w, x.shared, x.grad.data() + at, pass.scratch);
  x.gradient_is_set(sample);
}

}  // namespace fedqat
