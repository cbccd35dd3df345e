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
// Training passes keep v and compute x, and where the reader takes it so y, again: a sample at a
// time in the cache costs less than another value of the batch in memory.
//
// A sum over the batch adds each sample's rows in binary32, then the samples in binary64.
class BatchNormLayer final : public Layer, private SampleSource {
 public:
  // sums: of the same step.
  BatchNormLayer(const Graph& graph, const Step& step, const LayerMemory& memory,
                 std::unique_ptr<Layer> sums);

  void load(const Pass& pass) override;
  void forward(const Pass& pass) override;
  void backward(const Pass& pass) override;
  bool streams_weights() const override { return sums_->streams_weights(); }

 private:
  const float* sample(std::ptrdiff_t s) override;
  void take_gradient(std::ptrdiff_t s) override;

  std::span<const float> param(const Pass& pass, int index) const;
  std::span<float> grad(const Pass& pass, int index) const;
  bool in_pieces() const;
  static Pass piece_of(const Pass& pass, int sample);
  void set_statistics(const Pass& pass);
  void batch_statistics(const Pass& pass, const float* v);
  void normalize(const Pass& pass);
  void backward_statistics(const Pass& pass);
  // first_ and second_ = sums over the batch of row_ and second_row_, to which
  // those of sample s are added.
  void add_rows(std::ptrdiff_t s);

  const Graph& graph_;
  const Step step_;
  const std::size_t channels_;
  const std::ptrdiff_t size_;  // of a sample
  const int positions_;
  const std::unique_ptr<Layer> sums_;
  const kernels::BatchNormKernels& kernels_;
  bool of_batch_ = false;  // statistics of the last pass
  const bool by_sample_;
  kernels::BatchNormKernels::Normal normal_{};  // of the last pass
  Value* y_ = nullptr;
  Buffer<float> v_;                     // unless by_sample_, [max_batch, out]
  Buffer<float> sample_;                // with by_sample_
  std::vector<float> mean_, variance_;  // of the last pass
  std::vector<float> inverse_;
  std::vector<float> row_, second_row_;  // one sample's sums
  std::vector<float> shift_, turn_;
  std::vector<double> first_, second_;
};

}  // namespace fedqat
