#include "common/nn/layers/range_learner.h"

#include <algorithm>
#include <cmath>

#include "common/base/exact_math.h"

namespace fedqat {

bool RangeLearner::needed(const Graph& graph, const Step& step) {
  const RangeRule rule = graph.quant.range_rule;
  if (rule == RangeRule::kLsqPlus) return step.activation_offset != kNone;
  return step.activation_scale != kNone && rule != RangeRule::kLsq && rule != RangeRule::kTqt;
}

RangeLearner::RangeLearner(const Graph& graph, const Step& step, const LayerMemory& memory)
    : graph_(graph),
      step_(step),
      rule_(graph.quant.range_rule),
      active_(memory.integers && needed(graph, step)) {
  if (!active_ || rule_ != RangeRule::kPercentile) return;
  memory.plan.add(reached_, static_cast<std::size_t>(memory.max_batch) * step.out.size(),
                  {memory.backward});
}

void RangeLearner::begin(const ValueGrid& grid) {
  grid_ = grid;
  low_ = static_cast<float>(grid.code.low - grid.code.zero);
  high_ = static_cast<float>(grid.code.high - grid.code.zero);
  ends_ = clipped_ = 0;
  greatest_ = 0;
  seen_ = 0;
}

float RangeLearner::observed() {
  if (rule_ == RangeRule::kEma) return greatest_;
  if (seen_ == 0) return 0;
  const double within =
      std::ceil(static_cast<double>(seen_) * static_cast<double>(graph_.quant.percentile) / 100);
  const auto last =
      static_cast<std::size_t>(std::clamp(within, 1.0, static_cast<double>(seen_)) - 1);
  const auto begin = reached_.data();
  std::nth_element(begin, begin + last, begin + seen_);
  return begin[last];
}

void RangeLearner::finish(const Pass& pass) {
  const int levels = (1 << step_.activation_bits) - 1;
  const auto gradient = [&](int index) -> float& {
    return pass.grad(graph_.params[static_cast<std::size_t>(index)])[0];
  };
  if (rule_ == RangeRule::kLsqPlus) {
    const auto g = std::sqrt(static_cast<float>(step_.out.size()) * static_cast<float>(levels));
    gradient(step_.activation_offset) =
        -static_cast<float>(clipped_) * (grid_.scale * static_cast<float>(levels)) / g;
    return;
  }
  float& dtheta = gradient(step_.activation_scale);
  if (rule_ == RangeRule::kPact) {
    dtheta = log2_scale_gradient(grid_.scale, static_cast<float>(ends_), step_.out.size(), levels);
    return;
  }
  constexpr float kMost = 0x1p64F;  // a position may be infinite
  const float moved = 1 + kObserverMomentum * (std::min(observed(), kMost) - 1);
  dtheta = -static_cast<float>(exact_log2(static_cast<double>(moved)));
}

}  // namespace fedqat
