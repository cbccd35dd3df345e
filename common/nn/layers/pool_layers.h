// MaxPool and AvgPool of the trainer.
#pragma once

#include "common/nn/layers/layer.h"
#include "common/nn/layers/range_learner.h"

namespace fedqat {

// Works on codes as on reals, since rounding keeps order: shares its input's grid.
class MaxPoolLayer final : public Layer {
 public:
  explicit MaxPoolLayer(const Step& step) : step_(step) {}
  void forward(const Pass& pass) override;
  void backward(const Pass& pass) override;

 private:
  const Step step_;
};

class AvgPoolLayer final : public Layer {
 public:
  AvgPoolLayer(const Graph& graph, const Step& step, const LayerMemory& memory);
  void forward(const Pass& pass) override;
  void backward(const Pass& pass) override;

 private:
  const Graph& graph_;
  const Step step_;
  Buffer<std::int32_t> sums_;
  Buffer<float> dv_;
  RangeLearner range_;
};

}  // namespace fedqat
