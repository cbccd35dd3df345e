// One step of local training: SGD with momentum on what is trained, plain descent on scales.
#pragma once

#include <span>
#include <vector>

#include "common/nn/graph.h"
#include "common/wire/messages.h"

namespace fedqat {

// With g the gradient, a the model the round started from, r the learning rate:
//   weights: g += weight_decay w + prox_mu (w - a);  v = momentum v + g;  w -= r v
//   biases, gamma, beta: the same without weight_decay
//   scales:  theta -= clamp(r scale_learning_rate g, +-kMaxScaleStep), then clamped to
//            +-kMaxLog2Scale; theta = log2 scale
//   running statistics: s -= kStatisticsMomentum g, where g = s - the batch's
// binary32, in this order, so that every machine takes the same step. Not thread-safe.
inline constexpr float kMaxScaleStep = 0.05F;

class Sgd {
 public:
  explicit Sgd(const Graph& graph);  // must outlive this

  void start(std::span<const float> anchor);  // v = 0; copies a
  void set_velocity(std::span<const float> velocity);
  std::span<const float> velocity() const { return velocity_; }
  void step(const LocalTraining& training, std::span<const float> grads, std::span<float> params);
  // params - a
  std::vector<float> delta(std::span<const float> params) const;

 private:
  const Graph& graph_;
  std::vector<float> anchor_;
  std::vector<float> velocity_;
};

}  // namespace fedqat
