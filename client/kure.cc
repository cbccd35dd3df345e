#include "client/kure.h"

#include <cmath>

namespace fedqat {

Kure::Kure(const Graph& graph, double weight) : graph_(graph), moments_(graph.params.size()) {
  double tensors = 0;
  for (const ParamTensor& p : graph.params) tensors += p.kind == ParamKind::kWeight ? 1 : 0;
  if (tensors > 0) weight_ = 2 * weight / tensors;
}

void Kure::measure(std::span<const float> params) {
  for (std::size_t i = 0; i < moments_.size(); ++i) {
    const ParamTensor& p = graph_.params[i];
    if (p.kind != ParamKind::kWeight) continue;
    const auto w = params.subspan(p.offset, p.size);
    const auto n = static_cast<double>(p.size);
    double sum = 0, second = 0, third = 0, fourth = 0;
    for (const float x : w) sum += static_cast<double>(x);
    const double mean = sum / n;
    for (const float x : w) {
      const double d = static_cast<double>(x) - mean, square = d * d;
      second += square;
      third += square * d;
      fourth += square * square;
    }
    const double variance = second / n, deviation = std::sqrt(variance);
    if (variance > 0) {
      moments_[i] = {mean, deviation, third / n / (variance * deviation),
                     fourth / n / (variance * variance)};
    } else {
      moments_[i] = {};
    }
  }
}

void Kure::add(int param, std::size_t first, std::span<const float> params,
               std::span<float> gradient) const {
  const ParamTensor& p = graph_.params[static_cast<std::size_t>(param)];
  const Moments& m = moments_[static_cast<std::size_t>(param)];
  if (p.kind != ParamKind::kWeight || m.deviation == 0) return;
  const double factor =
      weight_ * (m.fourth - kUniformKurtosis) * 4 / (static_cast<double>(p.size) * m.deviation);
  const float* w = params.data() + p.offset + first;
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    const double z = (static_cast<double>(w[i]) - m.mean) / m.deviation;
    gradient[i] += static_cast<float>(factor * (z * z * z - m.third - m.fourth * z));
  }
}

}  // namespace fedqat
