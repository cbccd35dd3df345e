#include "coordinator/strategy.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/check.h"
#include "common/wire/broadcast.h"

namespace fedqat {
namespace {

class FedAvg final : public Strategy {
 public:
  explicit FedAvg(float rate) : rate_(rate) {}
  void apply(std::span<float> params, std::span<const float> mean) override {
    for (std::size_t i = 0; i < params.size(); ++i) params[i] += rate_ * mean[i];
  }

 private:
  float rate_;
};

class FedAvgM final : public Strategy {
 public:
  FedAvgM(float rate, float momentum, std::size_t n) : rate_(rate), momentum_(momentum), m_(n) {}
  void apply(std::span<float> params, std::span<const float> mean) override {
    for (std::size_t i = 0; i < params.size(); ++i) {
      m_[i] = momentum_ * m_[i] + mean[i];
      params[i] += rate_ * m_[i];
    }
  }
  std::vector<std::span<float>> state() override { return {m_}; }

 private:
  float rate_, momentum_;
  std::vector<float> m_;
};

class FedAdam final : public Strategy {
 public:
  FedAdam(float rate, float beta1, float beta2, float tau, std::size_t n)
      : rate_(rate), beta1_(beta1), beta2_(beta2), tau_(tau), m_(n), v_(n) {}
  void apply(std::span<float> params, std::span<const float> mean) override {
    for (std::size_t i = 0; i < params.size(); ++i) {
      const float d = mean[i];
      m_[i] = beta1_ * m_[i] + (1 - beta1_) * d;
      v_[i] = beta2_ * v_[i] + (1 - beta2_) * (d * d);
      params[i] += rate_ * m_[i] / (std::sqrt(v_[i]) + tau_);
    }
  }
  std::vector<std::span<float>> state() override { return {m_, v_}; }

 private:
  float rate_, beta1_, beta2_, tau_;
  std::vector<float> m_, v_;
};

}  // namespace

Result<std::unique_ptr<Strategy>> make_strategy(const wire::ServerConfig& config,
                                                std::size_t params) {
  using Made = std::unique_ptr<Strategy>;
  const auto rate = static_cast<float>(config.learning_rate());
  const auto momentum = static_cast<float>(config.momentum());
  const std::string& name = config.strategy();
  if (name == "fedavg" || name == "fedprox") return Made(std::make_unique<FedAvg>(rate));
  if (name == "fedavgm") return Made(std::make_unique<FedAvgM>(rate, momentum, params));
  if (name == "fedadam") {
    return Made(std::make_unique<FedAdam>(rate, momentum, static_cast<float>(config.beta2()),
                                          static_cast<float>(config.tau()), params));
  }
  return Error{Errc::kInvalid,
               "server.strategy '" + name + "': use fedavg, fedprox, fedavgm or fedadam"};
}

void apply_mean(const Graph& graph, Strategy& strategy, std::vector<float> mean,
                std::span<float> params) {
  FEDQAT_CHECK(mean.size() == params.size() && params.size() == graph.param_count);
  for (const ParamTensor& tensor : graph.params) {
    if (is_statistic(tensor)) {
      const bool variance = tensor.kind == ParamKind::kRunningVariance;
      for (std::size_t i = tensor.offset; i < tensor.offset + tensor.size; ++i) {
        params[i] += std::exchange(mean[i], 0.0F);
        // Rounding to the update's grid may carry a small one below zero.
        if (variance) params[i] = std::max(params[i], 0.0F);
      }
    }
    if (!is_scale(tensor)) continue;
    for (std::size_t i = tensor.offset; i < tensor.offset + tensor.size; ++i) {
      params[i] += std::clamp(mean[i], -kMaxScaleMove, kMaxScaleMove);
      params[i] = std::clamp(params[i], -kMaxLog2Scale, kMaxLog2Scale);
      mean[i] = 0;  // nothing for the strategy to do
    }
  }
  strategy.apply(params, mean);
}

}  // namespace fedqat
