#include "common/nn/model_state.h"

#include <algorithm>
#include <cmath>

namespace fedqat {

ModelState init_model(const Graph& graph, std::uint64_t seed) {
  ModelState state;
  state.params.assign(graph.param_count, 0.0F);
  state.zero_points.assign(graph.steps.size(), 0);
  std::uint32_t stream = 0;
  for (const ParamTensor& p : graph.params) {
    if (p.kind == ParamKind::kGamma || p.kind == ParamKind::kRunningVariance) {
      std::fill_n(state.params.begin() + static_cast<std::ptrdiff_t>(p.offset), p.size, 1.0F);
    }
    if (p.kind != ParamKind::kWeight) continue;
    Rng rng({.seed = seed, .client = stream++, .purpose = Purpose::kInit});
    const double fan_in = static_cast<double>(p.size) / static_cast<double>(p.channels);
    const double deviation = std::sqrt(2.0 / fan_in);  // [He15] eq. 10
    for (std::size_t i = 0; i < p.size; ++i) {
      state.params[p.offset + i] = static_cast<float>(deviation * rng.normal());
    }
  }
  return state;
}

}  // namespace fedqat
