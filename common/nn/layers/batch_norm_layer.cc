#include "common/nn/layers/batch_norm_layer.h"

#include <algorithm>
#include <cmath>

#include "common/nn/batch_norm.h"
#include "common/nn/layers/position.h"

namespace fedqat {

BatchNormLayer::BatchNormLayer(const Graph& graph, const Step& step, int max_batch,
                               std::unique_ptr<Layer> sums)
    : graph_(graph),
      step_(step),
      channels_(static_cast<std::size_t>(step.out.c)),
      sums_(std::move(sums)),
      x_(static_cast<std::size_t>(max_batch) * step.out.size()),
      mean_(channels_),
      variance_(channels_),
      inverse_(channels_),
      row_(channels_),
      shift_(channels_),
      turn_(channels_),
      first_(channels_),
      second_(channels_) {}

std::span<const float> BatchNormLayer::param(const Pass& pass, int index) const {
  const ParamTensor& p = graph_.params[static_cast<std::size_t>(index)];
  return pass.params.subspan(p.offset, p.size);
}

std::span<float> BatchNormLayer::grad(const Pass& pass, int index) const {
  const ParamTensor& p = graph_.params[static_cast<std::size_t>(index)];
  return pass.grads.subspan(p.offset, p.size);
}

void BatchNormLayer::load(const Pass& pass) { sums_->load(pass); }

template <class ValueAt>
void BatchNormLayer::sum_channels(int n, ValueAt value, std::vector<double>& sums) {
  std::fill(sums.begin(), sums.end(), 0.0);
  const std::size_t size = step_.out.size();
  for (std::size_t s = 0; s < static_cast<std::size_t>(n); ++s) {
    std::fill(row_.begin(), row_.end(), 0.0F);
    for (std::size_t i = s * size; i < (s + 1) * size; i += channels_) {
      for (std::size_t c = 0; c < channels_; ++c) row_[c] += value(i + c, c);
    }
    for (std::size_t c = 0; c < channels_; ++c) sums[c] += static_cast<double>(row_[c]);
  }
}

// Of the sums in y.
void BatchNormLayer::take_statistics(const Pass& pass) {
  const float* v = pass.values[static_cast<std::size_t>(step_.output)].real.data();
  const std::size_t rows = static_cast<std::size_t>(pass.n) * step_.out.size() / channels_;
  of_batch_ = pass.training && rows > 1;
  if (of_batch_) {
    const auto count = static_cast<double>(rows);
    sum_channels(
        pass.n, [&](std::size_t i, std::size_t) { return v[i]; }, first_);
    for (std::size_t c = 0; c < channels_; ++c) mean_[c] = static_cast<float>(first_[c] / count);
    const auto square = [&](std::size_t i, std::size_t c) {
      const float d = v[i] - mean_[c];
      return d * d;
    };
    sum_channels(pass.n, square, second_);
    for (std::size_t c = 0; c < channels_; ++c) {
      variance_[c] = static_cast<float>(second_[c] / count);
    }
  } else {
    const auto mean = param(pass, step_.running_mean);
    const auto variance = param(pass, step_.running_variance);
    std::copy(mean.begin(), mean.end(), mean_.begin());
    std::copy(variance.begin(), variance.end(), variance_.begin());
  }
  for (std::size_t c = 0; c < channels_; ++c) {
    inverse_[c] = 1 / std::sqrt(variance_[c] + kBatchNormEpsilon);
  }
}

void BatchNormLayer::forward(const Pass& pass) {
  sums_->forward(pass);
  if (pass.integers) return;
  take_statistics(pass);
  float* y = pass.values[static_cast<std::size_t>(step_.output)].real.data();
  const float* gamma = param(pass, step_.gamma).data();
  const float* beta = param(pass, step_.beta).data();
  const std::size_t total = static_cast<std::size_t>(pass.n) * step_.out.size();
  for (std::size_t i = 0; i < total; i += channels_) {
    for (std::size_t c = 0; c < channels_; ++c) {
      const float x = (y[i + c] - mean_[c]) * inverse_[c];
      x_[i + c] = x;
      y[i + c] = gamma[c] * x + beta[c];
    }
  }
  if (step_.relu) relu_real(total, y);
}

void BatchNormLayer::backward(const Pass& pass) {
  if (!pass.integers) {
    Value& y = pass.values[static_cast<std::size_t>(step_.output)];
    float* dy = y.grad.data();  // becomes dv
    const std::size_t total = static_cast<std::size_t>(pass.n) * step_.out.size();
    pass_real(total, step_.relu, y.real.data(), dy, dy);
    sum_channels(
        pass.n, [&](std::size_t i, std::size_t) { return dy[i]; }, first_);
    sum_channels(
        pass.n, [&](std::size_t i, std::size_t) { return dy[i] * x_[i]; }, second_);
    const float* gamma = param(pass, step_.gamma).data();
    const auto dgamma = grad(pass, step_.gamma), dbeta = grad(pass, step_.beta);
    const auto rows = static_cast<double>(total / channels_);
    for (std::size_t c = 0; c < channels_; ++c) {
      dbeta[c] = static_cast<float>(first_[c]);
      dgamma[c] = static_cast<float>(second_[c]);
      // What statistics of the batch itself take from the gradient.
      shift_[c] = of_batch_ ? static_cast<float>(first_[c] / rows) : 0;
      turn_[c] = of_batch_ ? static_cast<float>(second_[c] / rows) : 0;
      row_[c] = gamma[c] * inverse_[c];
    }
    for (std::size_t i = 0; i < total; i += channels_) {
      for (std::size_t c = 0; c < channels_; ++c) {
        dy[i + c] = row_[c] * (dy[i + c] - shift_[c] - x_[i + c] * turn_[c]);
      }
    }
    backward_statistics(pass);
  }
  sums_->backward(pass);
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
