#include "common/nn/layers/linear.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/nn/learnt_scales.h"

namespace fedqat {
namespace {

constexpr float kNoFloor = -std::numeric_limits<float>::infinity();

int positive_levels(int weight_bits) { return (1 << (weight_bits - 1)) - 1; }

// Whose gradients before activation and rounding are there at once.
int samples_at_once(const Step& step, const LayerMemory& memory, Backward backward) {
  if (LinearInt8::takes(step, memory.integers, backward)) return 0;
  return step.op == Op::kConv2d ? 1 : memory.max_batch;
}

}  // namespace

LinearLayer::LinearLayer(const Graph& graph, const Step& step, const LayerMemory& memory,
                         Backward backward)
    : graph_(graph),
      step_(step),
      sgemm_(kernels::sgemm_kernel()),
      elementwise_(kernels::elementwise()),
      channels_(step.out.c),
      output_(graph, step, memory, samples_at_once(step, memory, backward)) {
  const bool conv = step.op == Op::kConv2d;
  fan_in_ = conv ? window_of(step).depth() : static_cast<int>(step.in.size());
  const bool in_int8 = LinearInt8::takes(step, memory.integers, backward);
  if (conv && !in_int8) conv_real_.emplace(step);
  const auto weights = static_cast<std::size_t>(channels_) * static_cast<std::size_t>(fan_in_);
  const auto outputs = static_cast<std::size_t>(memory.max_batch) * step.out.size();
  if (memory.integers) {
    integer_ = std::make_unique<LinearInt>(step, memory.plan, memory.forward, memory.team);
    if (in_int8) {
      int8_.emplace(graph, step, memory);
    } else {
      memory.plan.add(w_hat_, weights, {memory.kept()});
    }
    if (!in_int8 || output_.learns_range()) memory.plan.add(acc_, outputs, {memory.kept()});
    const bool again = in_int8 && step.inputs[0] != 0;  // for the gradient of the input
    memory.plan.add(w_codes_, weights, {again ? memory.kept() : memory.forward});
    w_scale_.resize(static_cast<std::size_t>(channels_));
    dw_scale_.resize(static_cast<std::size_t>(channels_));
    bias_code_.resize(static_cast<std::size_t>(channels_));
  }
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
    return output_.learn_range(pass, sums(pass));
  }
  if (pass.first == 0) output_.begin();
  const float* w = param(pass, step_.weight).data();
  const float* w_used = pass.integers ? w_hat_.data() : w;
  float* dw = grad(pass, step_.weight);
  if (conv_real_) {
    for (std::ptrdiff_t s = pass.first; s < pass.first + pass.n; ++s) {
      backward_conv(pass, s, output_.of(pass, s, 1, sums(pass)), w_used, dw);
    }
  } else {
    backward_dense(pass, output_.of(pass, 0, pass.n, sums(pass)), w_used, dw);
  }
  if (!pass.last) return;
  output_.finish(pass, sums(pass));
  if (pass.integers) backward_scales(pass, w, dw);
}

OutputSums LinearLayer::sums(const Pass& pass) const {
  return pass.integers ? OutputSums{acc_.data(), integer_->wide_mult().data()} : OutputSums{};
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
