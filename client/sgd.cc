#include "client/sgd.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/nn/batch_norm.h"
#include "common/wire/broadcast.h"

namespace fedqat {
namespace {

struct Bounds {
  float low, high;
};

void scale_step(float rate, std::size_t n, const float* __restrict g, Bounds bounds,
                float* __restrict theta) {
  for (std::size_t i = 0; i < n; ++i) {
    const float moved = theta[i] - std::clamp(rate * g[i], -kMaxScaleStep, kMaxScaleStep);
    theta[i] = std::clamp(moved, bounds.low, bounds.high);
  }
}

}  // namespace

Sgd::Sgd(const Graph& graph) : graph_(graph), elementwise_(kernels::elementwise()) {}

void Sgd::start(std::span<const float> anchor, bool momentum) {
  FEDQAT_CHECK(anchor.size() == graph_.param_count);
  anchor_ = anchor;
  velocity_.assign(momentum ? graph_.param_count : 0, 0.0F);
}

void Sgd::set_velocity(std::span<const float> velocity) {
  FEDQAT_CHECK(velocity.size() == graph_.param_count);
  velocity_.assign(velocity.begin(), velocity.end());
}

void Sgd::step(const LocalTraining& t, std::span<const float> grads, std::span<float> params) {
  FEDQAT_DCHECK(grads.size() == params.size());
  for (int i = 0; i < static_cast<int>(graph_.params.size()); ++i) {
    const ParamTensor& p = graph_.params[static_cast<std::size_t>(i)];
    step(t, i, 0, grads.subspan(p.offset, p.size), params);
  }
}

void Sgd::step(const LocalTraining& t, int param, std::size_t first, std::span<const float> grads,
               std::span<float> params) {
  FEDQAT_DCHECK(params.size() == anchor_.size());
  FEDQAT_DCHECK(t.momentum == 0 || !velocity_.empty());
  const ParamTensor& p = graph_.params[static_cast<std::size_t>(param)];
  const std::size_t at = p.offset + first;
  const float* g = grads.data();
  float* w = params.data() + at;
  switch (p.kind) {
    case ParamKind::kWeight:
    case ParamKind::kBias:
    case ParamKind::kGamma:
    case ParamKind::kBeta: {
      const float decay = p.kind == ParamKind::kWeight ? t.weight_decay : 0;
      elementwise_.sgd({static_cast<std::ptrdiff_t>(grads.size()), t.learning_rate, t.momentum,
                        decay, t.prox_mu, g, anchor_.data() + at,
                        t.momentum != 0 ? velocity_.data() + at : nullptr, w});
      break;
    }
    case ParamKind::kWeightScale:
    case ParamKind::kActivationScale:
    case ParamKind::kActivationOffset:
      if (t.scale_learning_rate > 0) {
        const bool observed = p.kind == ParamKind::kActivationScale && graph_.quant.observes();
        const float rate = observed ? 1 : t.learning_rate * t.scale_learning_rate;
        const bool offset = p.kind == ParamKind::kActivationOffset;
        scale_step(rate, grads.size(), g,
                   offset ? Bounds{0, 1} : Bounds{-kMaxLog2Scale, kMaxLog2Scale}, w);
      }
      break;
    case ParamKind::kRunningMean:
    case ParamKind::kRunningVariance:
      for (std::size_t i = 0; i < grads.size(); ++i) w[i] -= kStatisticsMomentum * g[i];
      break;
  }
}

std::vector<float> Sgd::delta(std::vector<float> params) const {
  for (std::size_t i = 0; i < params.size(); ++i) params[i] -= anchor_[i];
  return params;
}

void SgdSink::take(int param, std::size_t first, std::span<float> gradient) {
  if (kure_ != nullptr) kure_->add(param, first, params_, gradient);
  sgd_.step(training_, param, first, gradient, params_);
}

}  // namespace fedqat
