// One step of local training: SGD with momentum on what is trained, plain descent on scales.
#pragma once

#include <span>
#include <vector>

#include "client/kure.h"
#include "common/kernels/elementwise/elementwise.h"
#include "common/nn/backward.h"
#include "common/nn/graph.h"
#include "common/wire/messages.h"

namespace fedqat {

// With g the gradient, a the model the round started from, r the learning rate:
//   weights: g += weight_decay w + prox_mu (w - a);  v = momentum v + g;  w -= r v
//   biases, gamma, beta: the same without weight_decay
//   scales:  theta -= clamp(r scale_learning_rate g, +-kMaxScaleStep), then clamped to
//            +-kMaxLog2Scale; theta = log2 scale. Those of activations that observers learn:
//            theta -= clamp(g, +-kMaxScaleStep)
//   offsets: as scales, then clamped to 0..1
//   running statistics: s -= kStatisticsMomentum g, where g = s - the batch's
// binary32, in this order, so that every machine takes the same step. Without momentum v takes no
// memory. step() may run on several threads at once, for different elements.
inline constexpr float kMaxScaleStep = 0.05F;

class Sgd {
 public:
  explicit Sgd(const Graph& graph);  // must outlive this

  // v = 0, which is there if there is momentum; a must stay there until the last step.
  void start(std::span<const float> anchor, bool momentum);
  void set_velocity(std::span<const float> velocity);
  std::span<const float> velocity() const { return velocity_; }  // empty: 0
  void step(const LocalTraining& training, std::span<const float> grads, std::span<float> params);
  // Of elements first .. first + grads.size() - 1 of graph.params[param]. params: all of them.
  void step(const LocalTraining& training, int param, std::size_t first,
            std::span<const float> grads, std::span<float> params);
  // params - a
  std::vector<float> delta(std::vector<float> params) const;

 private:
  const Graph& graph_;
  const kernels::ElementwiseKernels& elementwise_;
  std::span<const float> anchor_;
  std::vector<float> velocity_;
};

// Steps with each gradient as soon as it is there, plus that of `kure` where it is not null. All
// that it is given must outlive it.
class SgdSink final : public GradientSink {
 public:
  SgdSink(Sgd& sgd, const LocalTraining& training, std::span<float> params,
          const Kure* kure = nullptr)
      : sgd_(sgd), training_(training), params_(params), kure_(kure) {}
  void take(int param, std::size_t first, std::span<float> gradient) override;

 private:
  Sgd& sgd_;
  const LocalTraining& training_;
  std::span<float> params_;
  const Kure* kure_;
};

}  // namespace fedqat
