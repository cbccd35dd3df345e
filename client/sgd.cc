#include "client/sgd.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/nn/batch_norm.h"
#include "common/wire/broadcast.h"

namespace fedqat {
namespace {

struct Rates {
  float rate, momentum, decay, prox;
};

void momentum_step(const Rates& h, std::size_t n, const float* __restrict g,
                   const float* __restrict a, float* __restrict v, float* __restrict w) {
  for (std::size_t i = 0; i < n; ++i) {
    const float pull = h.decay * w[i] + h.prox * (w[i] - a[i]);
    v[i] = h.momentum * v[i] + (g[i] + pull);
    w[i] -= h.rate * v[i];
  }
}

void scale_step(float rate, std::size_t n, const float* __restrict g, float* __restrict theta) {
  for (std::size_t i = 0; i < n; ++i) {
    const float moved = theta[i] - std::clamp(rate * g[i], -kMaxScaleStep, kMaxScaleStep);
    theta[i] = std::clamp(moved, -kMaxLog2Scale, kMaxLog2Scale);
  }
}

}  // namespace

Sgd::Sgd(const Graph& graph) : graph_(graph), velocity_(graph.param_count) {}

void Sgd::start(std::span<const float> anchor) {
  FEDQAT_CHECK(anchor.size() == graph_.param_count);
  anchor_.assign(anchor.begin(), anchor.end());
  std::fill(velocity_.begin(), velocity_.end(), 0.0F);
}

void Sgd::set_velocity(std::span<const float> velocity) {
  FEDQAT_CHECK(velocity.size() == velocity_.size());
  std::copy(velocity.begin(), velocity.end(), velocity_.begin());
}

void Sgd::step(const LocalTraining& t, std::span<const float> grads, std::span<float> params) {
  FEDQAT_DCHECK(grads.size() == params.size() && params.size() == anchor_.size());
  for (const ParamTensor& p : graph_.params) {
    const float* g = grads.data() + p.offset;
    float* w = params.data() + p.offset;
    switch (p.kind) {
      case ParamKind::kWeight:
      case ParamKind::kBias:
      case ParamKind::kGamma:
      case ParamKind::kBeta: {
        const float decay = p.kind == ParamKind::kWeight ? t.weight_decay : 0;
        momentum_step({t.learning_rate, t.momentum, decay, t.prox_mu}, p.size, g,
                      anchor_.data() + p.offset, velocity_.data() + p.offset, w);
        break;
      }
      case ParamKind::kWeightScale:
      case ParamKind::kActivationScale:
        if (t.scale_learning_rate > 0) {
          scale_step(t.learning_rate * t.scale_learning_rate, p.size, g, w);
        }
        break;
      case ParamKind::kRunningMean:
      case ParamKind::kRunningVariance:
        for (std::size_t i = 0; i < p.size; ++i) w[i] -= kStatisticsMomentum * g[i];
        break;
    }
  }
}

std::vector<float> Sgd::delta(std::span<const float> params) const {
  std::vector<float> d(params.size());
  for (std::size_t i = 0; i < d.size(); ++i) d[i] = params[i] - anchor_[i];
  return d;
}

}  // namespace fedqat
