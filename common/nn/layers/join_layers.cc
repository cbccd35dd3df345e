#include "common/nn/layers/join_layers.h"

#include <algorithm>

#include "common/nn/layers/position.h"

namespace fedqat {

AddLayer::AddLayer(const Graph& graph, const Step& step, const LayerMemory& memory)
    : graph_(graph), step_(step), range_(graph, step, memory) {
  const auto batch = static_cast<std::size_t>(memory.max_batch);
  memory.plan.add(dv_, batch * step.out.size(), {memory.backward});
}

void AddLayer::forward(const Pass& pass) {
  const Value& a = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  const Value& b = pass.values[static_cast<std::size_t>(step_.inputs[1])];
  Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  const std::size_t n = static_cast<std::size_t>(pass.n) * step_.out.size();
  if (pass.integers) {
    add_int(add_args(n, a.codes.data(), a.grid, b.codes.data(), b.grid, y.grid), y.codes.data());
    return;
  }
  for (std::size_t i = 0; i < n; ++i) y.real[i] = a.real[i] + b.real[i];
  if (step_.relu) relu_real(n, y.real.data());
}

void AddLayer::backward(const Pass& pass) {
  Value& a = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  Value& b = pass.values[static_cast<std::size_t>(step_.inputs[1])];
  const Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  const std::size_t n = static_cast<std::size_t>(pass.n) * step_.out.size();
  if (pass.integers) {
    const auto args = add_args(n, a.codes.data(), a.grid, b.codes.data(), b.grid, y.grid);
    const float dscale = kernels::elementwise().add_backward(args, y.grad.data(), dv_.data());
    set_scale_gradient(graph_, step_, pass, y.grid.scale, dscale);
    if (range_.active()) learn_range(pass);
  } else {
    pass_real(n, step_.relu, y.real.data(), y.grad.data(), dv_.data());
  }
  for (Value* x : {&a, &b}) {
    if (!x->wants_grad) continue;
    float* __restrict dx = x->grad.data();
    const float* __restrict dv = dv_.data();
    if (x->shared) {
      for (std::size_t i = 0; i < n; ++i) dx[i] += dv[i];
    } else {
      std::copy_n(dv, n, dx);
    }
  }
}

void AddLayer::learn_range(const Pass& pass) {
  const Value& a = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  const Value& b = pass.values[static_cast<std::size_t>(step_.inputs[1])];
  const Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  range_.begin(y.grid);
  for (std::size_t i = 0, n = static_cast<std::size_t>(pass.n) * step_.out.size(); i < n; ++i) {
    const float left = static_cast<float>(a.codes[i] - a.grid.code.zero) * a.grid.scale;
    const float right = static_cast<float>(b.codes[i] - b.grid.code.zero) * b.grid.scale;
    range_.add((left + right) / y.grid.scale, y.grad[i]);
  }
  range_.finish(pass);
}

ReluLayer::ReluLayer(const Step& step) : step_(step) {}

void ReluLayer::forward(const Pass& pass) {
  const Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  const std::size_t n = static_cast<std::size_t>(pass.n) * step_.out.size();
  if (pass.integers) {
    relu_int(n, x.codes.data(), x.grid.code.zero, y.codes.data());
  } else {
    std::copy_n(x.real.data(), n, y.real.data());
    relu_real(n, y.real.data());
  }
}

void ReluLayer::backward(const Pass& pass) {
  Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  const Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  if (!x.wants_grad) return;
  const std::size_t n = static_cast<std::size_t>(pass.n) * step_.out.size();
  for (std::size_t i = 0; i < n; ++i) {
    const bool above = pass.integers ? x.codes[i] > x.grid.code.zero : x.real[i] > 0;
    x.grad[i] = (x.shared ? x.grad[i] : 0.0F) + (above ? y.grad[i] : 0.0F);
  }
}

}  // namespace fedqat
