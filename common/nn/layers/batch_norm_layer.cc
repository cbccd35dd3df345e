#include "common/nn/layers/batch_norm_layer.h"

#include <algorithm>
#include <cmath>

#include "common/nn/batch_norm.h"

namespace fedqat {

BatchNormLayer::BatchNormLayer(const Graph& graph, const Step& step, const LayerMemory& memory,
                               std::unique_ptr<Layer> sums)
    : graph_(graph),
      step_(step),
      channels_(static_cast<std::size_t>(step.out.c)),
      size_(static_cast<std::ptrdiff_t>(step.out.size())),
      positions_(step.out.h * step.out.w),
      sums_(std::move(sums)),
      kernels_(kernels::batch_norm_kernel()),
      by_sample_(memory.by_sample),
      mean_(channels_),
      variance_(channels_),
      inverse_(channels_),
      row_(channels_),
      second_row_(channels_),
      shift_(channels_),
      turn_(channels_),
      first_(channels_),
      second_(channels_) {
  if (memory.integers) return;
  if (by_sample_) {
    memory.plan.add(sample_, step.out.size(), {memory.kept()});
  } else {
    const auto batch = static_cast<std::size_t>(memory.max_batch);
    memory.plan.add(v_, batch * step.out.size(), {memory.kept()});
  }
}

std::span<const float> BatchNormLayer::param(const Pass& pass, int index) const {
  const ParamTensor& p = graph_.params[static_cast<std::size_t>(index)];
  return pass.params.subspan(p.offset, p.size);
}

std::span<float> BatchNormLayer::grad(const Pass& pass, int index) const {
  return pass.grad(graph_.params[static_cast<std::size_t>(index)]);
}

void BatchNormLayer::load(const Pass& pass) { sums_->load(pass); }

// A single sample, while it is in the cache. Dense goes through at once: it reads its weights anew
// for every piece.
bool BatchNormLayer::in_pieces() const { return step_.op != Op::kDense; }

Pass BatchNormLayer::piece_of(const Pass& pass, int sample) {
  Pass piece = pass;
  piece.n = 1;
  piece.first = sample;
  piece.last = sample == pass.n - 1;
  return piece;
}

void BatchNormLayer::add_rows(std::ptrdiff_t s) {
  if (s == 0) {
    std::fill(first_.begin(), first_.end(), 0.0);
    std::fill(second_.begin(), second_.end(), 0.0);
  }
  for (std::size_t c = 0; c < channels_; ++c) {
    first_[c] += static_cast<double>(row_[c]);
    second_[c] += static_cast<double>(second_row_[c]);
  }
}

// v becomes the sums.
void BatchNormLayer::batch_statistics(const Pass& pass, const float* v) {
  const auto count = static_cast<double>(pass.n) * positions_;
  for (int s = 0; s < pass.n; ++s) {
    if (in_pieces()) sums_->forward(piece_of(pass, s));
    kernels_.sum(v + s * size_, positions_, step_.out.c, row_.data());
    add_rows(s);
  }
  for (std::size_t c = 0; c < channels_; ++c) mean_[c] = static_cast<float>(first_[c] / count);
  for (int s = 0; s < pass.n; ++s) {
    kernels_.sum_squares(v + s * size_, mean_.data(), positions_, step_.out.c, row_.data());
    add_rows(s);
  }
  for (std::size_t c = 0; c < channels_; ++c) variance_[c] = static_cast<float>(first_[c] / count);
}

void BatchNormLayer::set_statistics(const Pass& pass) {
  of_batch_ = pass.training && pass.n * positions_ > 1;
  if (of_batch_) {
    batch_statistics(pass, y_->real.data());
  } else {
    const auto mean = param(pass, step_.running_mean);
    const auto variance = param(pass, step_.running_variance);
    std::copy(mean.begin(), mean.end(), mean_.begin());
    std::copy(variance.begin(), variance.end(), variance_.begin());
  }
  for (std::size_t c = 0; c < channels_; ++c) {
    inverse_[c] = 1 / std::sqrt(variance_[c] + kBatchNormEpsilon);
  }
  normal_ = {mean_.data(), inverse_.data(), param(pass, step_.gamma).data(),
             param(pass, step_.beta).data(), step_.relu};
}

void BatchNormLayer::forward(const Pass& pass) {
  if (pass.integers || !in_pieces()) sums_->forward(pass);
  if (pass.integers) return;
  y_ = &pass.values[static_cast<std::size_t>(step_.output)];
  set_statistics(pass);
  y_->source = pass.training && by_sample_ ? this : nullptr;
  for (int s = 0; s < pass.n; ++s) {
    if (in_pieces() && !of_batch_) sums_->forward(piece_of(pass, s));
    if (y_->source != nullptr) continue;
    float* y = y_->real.data() + s * size_;
    if (pass.training) std::copy_n(y, size_, v_.data() + s * size_);
    kernels_.normalize(normal_, y, positions_, step_.out.c, y);
  }
}

const float* BatchNormLayer::sample(std::ptrdiff_t s) {
  kernels_.normalize(normal_, y_->real.data() + s * size_, positions_, step_.out.c, sample_.data());
  return sample_.data();
}

void BatchNormLayer::take_gradient(std::ptrdiff_t s) {
  const float* v = (by_sample_ ? y_->real : v_).data();
  kernels_.backward_sums(normal_, v + s * size_, y_->grad.data() + s * size_, positions_,
                         step_.out.c, row_.data(), second_row_.data());
  add_rows(s);
}

void BatchNormLayer::backward(const Pass& pass) {
  if (pass.integers) return sums_->backward(pass);
  if (!by_sample_) {
    for (int s = 0; s < pass.n; ++s) take_gradient(s);
  }
  const float* gamma = param(pass, step_.gamma).data();
  const auto dgamma = grad(pass, step_.gamma), dbeta = grad(pass, step_.beta);
  const auto rows = static_cast<double>(pass.n) * positions_;
  for (std::size_t c = 0; c < channels_; ++c) {
    dbeta[c] = static_cast<float>(first_[c]);
    dgamma[c] = static_cast<float>(second_[c]);
    // What statistics of the batch itself take from the gradient.
    shift_[c] = of_batch_ ? static_cast<float>(first_[c] / rows) : 0;
    turn_[c] = of_batch_ ? static_cast<float>(second_[c] / rows) : 0;
    row_[c] = gamma[c] * inverse_[c];
  }
  const float* v = (by_sample_ ? y_->real : v_).data();
  float* dy = y_->grad.data();  // becomes dv
  for (int s = 0; s < pass.n; ++s) {
    kernels_.backward(normal_, {row_.data(), shift_.data(), turn_.data()}, v + s * size_,
                      positions_, step_.out.c, dy + s * size_);
    if (in_pieces()) sums_->backward(piece_of(pass, s));
  }
  backward_statistics(pass);
  if (!in_pieces()) sums_->backward(pass);
}

void BatchNormLayer::backward_statistics(const Pass& pass) {
  const auto dmean = grad(pass, step_.running_mean);
  const auto dvariance = grad(pass, step_.running_variance);
  std::fill(dmean.begin(), dmean.end(), 0.0F);
  std::fill(dvariance.begin(), dvariance.end(), 0.0F);
  if (!of_batch_) return;
  const auto mean = param(pass, step_.running_mean);
  const auto variance = param(pass, step_.running_variance);
  const auto rows = static_cast<float>(pass.n * step_.out.h * step_.out.w);
  for (std::size_t c = 0; c < channels_; ++c) {
    dmean[c] = mean[c] - mean_[c];
    dvariance[c] = variance[c] - variance_[c] * (rows / (rows - 1));
  }
}

}  // namespace fedqat
