#include "common/nn/layers/pool_layers.h"

#include <algorithm>

#include "common/kernels/pool/pool.h"
#include "common/nn/layers/position.h"

namespace fedqat {

void MaxPoolLayer::forward(const Pass& pass) {
  const Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  const kernels::Window window = window_of(step_);
  for (std::size_t s = 0; s < static_cast<std::size_t>(pass.n); ++s) {
    const std::size_t in = s * step_.in.size(), out = s * step_.out.size();
    std::uint8_t* which = y.which.data() + out;
    if (pass.integers) {
      kernels::max_pool(window, x.codes.data() + in, y.codes.data() + out, which);
    } else {
      kernels::max_pool(window, x.real.data() + in, y.real.data() + out, which);
    }
    if (x.maxima == kNone) continue;
    kernels::max_pool_gather(window, x.residual.data() + in, which, y.residual.data() + out);
  }
}

void MaxPoolLayer::backward(const Pass& pass) {
  Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  if (!x.wants_grad || x.maxima != kNone) return;
  const Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  for (std::size_t s = 0; s < static_cast<std::size_t>(pass.n); ++s) {
    const std::size_t in = s * step_.in.size(), out = s * step_.out.size();
    kernels::max_pool_backward(window_of(step_), y.grad.data() + out, y.which.data() + out,
                               x.shared, x.grad.data() + in);
  }
}

AvgPoolLayer::AvgPoolLayer(const Graph& graph, const Step& step, const LayerMemory& memory)
    : graph_(graph), step_(step), dv_(step.out.size()), range_(graph, step, memory) {
  if (!memory.integers) return;
  const auto batch = static_cast<std::size_t>(memory.max_batch);
  memory.plan.add(sums_, batch * step.out.size(), {memory.kept()});
}

void AvgPoolLayer::forward(const Pass& pass) {
  const Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  for (std::size_t s = 0; s < static_cast<std::size_t>(pass.n); ++s) {
    const std::size_t in = s * step_.in.size(), out = s * step_.out.size();
    if (pass.integers) {
      average_pool_int(step_, x.codes.data() + in, x.grid, sums_.data() + out, y.grid,
                       y.codes.data() + out);
    } else {
      kernels::mean_pool(window_of(step_), x.real_sample(static_cast<std::ptrdiff_t>(s)),
                         y.real.data() + out);
      if (step_.relu) relu_real(step_.out.size(), y.real.data() + out);
    }
  }
}

void AvgPoolLayer::backward(const Pass& pass) {
  Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  const Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  const auto count = static_cast<float>(step_.kernel_h * step_.kernel_w);
  float dscale = 0;
  for (std::size_t s = 0; s < static_cast<std::size_t>(pass.n); ++s) {
    const std::size_t out = s * step_.out.size();
    const float* dy = y.grad.data() + out;
    if (pass.integers) {
      const std::int32_t* sums = sums_.data() + out;
      dscale += straight_through(
          step_.out.size(),
          [&](std::size_t i) {
            return average_position(sums[i], count, x.grid.scale, y.grid.scale);
          },
          y.grid.code, dy, dv_.data());
    } else {
      pass_real(step_.out.size(), step_.relu, y.real.data() + out, dy, dv_.data());
    }
    if (x.wants_grad) {
      float* dx = x.grad.data() + s * step_.in.size();
      kernels::mean_pool_backward(window_of(step_), dv_.data(), x.shared, dx);
      x.gradient_is_set(static_cast<std::ptrdiff_t>(s));
    }
  }
  if (!pass.integers) return;
  set_scale_gradient(graph_, step_, pass, y.grid.scale, dscale);
  if (!range_.active()) return;
  range_.begin(y.grid);
  for (std::size_t i = 0, n = static_cast<std::size_t>(pass.n) * step_.out.size(); i < n; ++i) {
    range_.add(average_position(sums_[i], count, x.grid.scale, y.grid.scale), y.grad[i]);
  }
  range_.finish(pass);
}

}  // namespace fedqat
