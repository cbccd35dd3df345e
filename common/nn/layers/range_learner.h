// How a step's output range is learnt where LSQ's gradient, which the backward pass gives anyway,
// is not it: docs/numerics.md, "Ranges of activations".
#pragma once

#include <algorithm>

#include "common/nn/layers/layer.h"

namespace fedqat {

// begin(), add() for every value of the batch in the order in which it lies, finish(). Sums are
// binary64 in that order. Memory of the plan, for kPercentile alone. Not thread-safe.
class RangeLearner {
 public:
  RangeLearner(const Graph& graph, const Step& step, const LayerMemory& memory);

  // The graph's rule has more to do for the step than LSQ (or TQT, whose gradient is LSQ's).
  static bool needed(const Graph& graph, const Step& step);
  bool active() const { return active_; }  // "; in passes on integers

  // grid: of the output.
  void begin(const ValueGrid& grid);
  // t: a value's position before rounding; dy: the gradient of the rounded value.
  void add(float t, float dy);
  // After LSQ's gradient of the scale is set: replaces it, or sets that of the offset. With
  // observers the gradient of theta is what the optimizer takes away from it as it is.
  void finish(const Pass& pass);

 private:
  float observed();  // how far the batch reaches, as a multiple of the range

  const Graph& graph_;
  const Step step_;
  const RangeRule rule_;
  const bool active_;
  ValueGrid grid_;
  float low_ = 0, high_ = 0;       // ends of the range in positions, <= 0 and >= 0
  double ends_ = 0, clipped_ = 0;  // sums of dy * end and of dy over clipped values
  float greatest_ = 0;             // of kEma
  std::size_t seen_ = 0;           // of kPercentile
  Buffer<float> reached_;          // "; [max_batch, out]
};

inline void RangeLearner::add(float t, float dy) {
  if (graph_.quant.observes()) {
    const float end = t > 0 ? high_ : low_;
    if (t == 0 || end == 0) return;  // nothing, or what a ReLU cuts off
    const float reached = t / end;
    if (rule_ == RangeRule::kEma) {
      greatest_ = std::max(greatest_, reached);
    } else {
      reached_[seen_++] = reached;
    }
    return;
  }
  if (t > low_ && t < high_) return;
  const auto gradient = static_cast<double>(dy);
  ends_ += gradient * static_cast<double>(t <= low_ ? low_ : high_);
  clipped_ += gradient;
}

// Weight of a batch in the moving averages of observers.
inline constexpr float kObserverMomentum = 0.01F;

}  // namespace fedqat
