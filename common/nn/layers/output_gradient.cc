#include "common/nn/layers/output_gradient.h"

#include <algorithm>

#include "common/nn/layers/joined.h"
#include "common/nn/learnt_scales.h"

namespace fedqat {

OutputGradient::OutputGradient(const Graph& graph, const Step& step, const LayerMemory& memory,
                               int samples)
    : graph_(graph),
      step_(step),
      elementwise_(kernels::elementwise()),
      range_(graph, step, memory),
      dbias_(static_cast<std::size_t>(joined_rows(step.out.c) * step.out.c)),
      dscale_(dbias_.size()) {
  if (samples > 0 && (memory.integers || step.relu)) {
    memory.plan.add(dv_, static_cast<std::size_t>(samples) * step.out.size(), {memory.backward});
  }
}

void OutputGradient::begin() {
  std::fill(dbias_.begin(), dbias_.end(), 0.0F);
  std::fill(dscale_.begin(), dscale_.end(), 0.0F);
}

const float* OutputGradient::of(const Pass& pass, std::ptrdiff_t first, int samples,
                                const OutputSums& sums) {
  const Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  const auto out = static_cast<std::ptrdiff_t>(step_.out.size());
  const std::ptrdiff_t begin = first * out;
  for_joined(begin, samples * out, static_cast<int>(dbias_.size()),
             [&](std::ptrdiff_t at, std::ptrdiff_t rows, int width, int lane) {
               const float* dy = y.grad.data() + at;
               float* dv = dv_.data() + (at - begin);
               float* dbias = dbias_.data() + lane;
               if (pass.integers) {
                 elementwise_.requantize_backward(sums.acc + at, dy, rows, width,
                                                  sums.wide_mult + lane, y.grid.code, dv, dbias,
                                                  dscale_.data() + lane);
               } else if (step_.relu) {
                 elementwise_.bias_backward(y.real.data() + at, dy, rows, width, 0, dv, dbias);
               } else {
                 elementwise_.sum_rows(dy, rows, width, dbias);
               }
             });
  return dv_.size() > 0 ? dv_.data() : y.grad.data() + begin;
}

void OutputGradient::finish(const Pass& pass, const OutputSums& sums) {
  const auto grad = [&](int index) {
    return pass.grad(graph_.params[static_cast<std::size_t>(index)]).data();
  };
  sum_lanes(dbias_, step_.out.c, grad(step_.bias));
  if (!pass.integers) return;
  float dscale = 0;
  for (const float lane : dscale_) dscale += lane;
  const float scale = pass.values[static_cast<std::size_t>(step_.output)].grid.scale;
  *grad(step_.activation_scale) =
      log2_scale_gradient(scale, dscale, step_.out.size(), (1 << step_.activation_bits) - 1);
  learn_range(pass, sums);
}

void OutputGradient::learn_range(const Pass& pass, const OutputSums& sums) {
  if (!range_.active()) return;
  const Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  range_.begin(y.grid);
  for (std::size_t i = 0, n = static_cast<std::size_t>(pass.n) * step_.out.size(); i < n;) {
    for (int c = 0; c < step_.out.c; ++c, ++i) {
      range_.add(static_cast<float>(sums.acc[i]) * sums.wide_mult[c], y.grad[i]);
    }
  }
  range_.finish(pass);
}

}  // namespace fedqat
