// Batch normalization of the trainer, around the layer that it follows.
#pragma once

#include <memory>
#include <vector>

#include "common/kernels/batch_norm/batch_norm.h"
#include "common/nn/layers/layer.h"

namespace fedqat {

// fp32 passes: `sums` computes v without ReLU; y = gamma * x + beta with x = (v - mean) * inverse,
// inverse = 1 / sqrt(variance + epsilon), then the ReLU. Training passes of at least two values a
// channel take mean and variance over the batch, all others the running ones.
// As the gradient of a running statistic, running - batch is set (variance: over count - 1), so
// that the optimizer has one rule for every tensor; 0 where the batch's were not taken.
// Integer passes: `sums` alone.
//
// A sum over the batch adds each sample's rows in binary32, then the samples in binary64.
class BatchNormLayer final : public Layer {
 public:
  // sums: of the same step.
  BatchNormLayer(const Graph& graph, const Step& step, const LayerMemory& memory,
                 std::unique_ptr<Layer> sums);

  void load(const Pass& pass) override;
  void forward(const Pass& pass) override;
  void backward(const Pass& pass) override;
  bool streams_weights() const override { return sums_->streams_weights(); }

 private:
  std::span<const float> param(const Pass& pass, int index) const;
  std::span<float> grad(const Pass& pass, int index) const;
  kernels::BatchNormKernels::Normal normal_of(const Pass& pass) const;
  bool in_pieces() const;
  static Pass piece_of(const Pass& pass, int sample);
  void batch_statistics(const Pass& pass, const float* v);
  void backward_statistics(const Pass& pass);
  // first_ and second_ = sums over the batch of row_ and second_row_, which sum_rows(sample)
  // sets.
  template <class SumRows>
  void add_samples(int n, SumRows sum_rows);

  const Graph& graph_;
  const Step step_;
  const std::size_t channels_;
  const std::unique_ptr<Layer> sums_;
  const kernels::BatchNormKernels& kernels_;
  bool of_batch_ = false;               // statistics of the last pass
  Buffer<float> x_;                     // normalized, [max_batch, out]
  std::vector<float> mean_, variance_;  // of the last pass
  std::vector<float> inverse_;
  std::vector<float> row_, second_row_;  // one sample's sums
  std::vector<float> shift_, turn_;
  std::vector<double> first_, second_;
};

}  // namespace fedqat
