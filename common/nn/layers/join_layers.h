// Add, and ReLU where no producer could take it over.
#pragma once

#include "common/nn/layers/layer.h"
#include "common/nn/layers/range_learner.h"

namespace fedqat {

class AddLayer final : public Layer {
 public:
  AddLayer(const Graph& graph, const Step& step, const LayerMemory& memory);
  void forward(const Pass& pass) override;
  void backward(const Pass& pass) override;

 private:
  void learn_range(const Pass& pass);

  const Graph& graph_;
  const Step step_;
  Buffer<float> dv_;
  RangeLearner range_;
};

// Shares its input's grid; real 0 is the zero point.
class ReluLayer final : public Layer {
 public:
  explicit ReluLayer(const Step& step);
  void forward(const Pass& pass) override;
  void backward(const Pass& pass) override;

 private:
  const Step step_;
};

}  // namespace fedqat
