#include "common/nn/learnt_scales.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"
#include "common/base/exact_math.h"

namespace fedqat {
namespace {

std::span<const float> param(const Graph& graph, std::span<const float> params, int index) {
  const ParamTensor& p = graph.params[static_cast<std::size_t>(index)];
  return params.subspan(p.offset, p.size);
}

}  // namespace

float activation_scale(const Graph& graph, const Step& step, std::span<const float> params) {
  const float theta = param(graph, params, step.activation_scale)[0];
  const bool power = graph.quant.range_rule == RangeRule::kTqt;
  return static_cast<float>(exact_exp2(power ? std::ceil(theta) : theta));
}

float first_theta(const QuantSpec& quant, float scale) {
  const auto theta = static_cast<float>(exact_log2(static_cast<double>(scale)));
  return quant.range_rule == RangeRule::kTqt ? theta - 0.5F : theta;
}

std::int32_t zero_point(const Graph& graph, const Step& step, std::span<const float> params,
                        std::int32_t fixed) {
  if (step.activation_offset == kNone) return fixed;
  const auto top = static_cast<float>((1 << step.activation_bits) - 1);
  const float zero = param(graph, params, step.activation_offset)[0] * top;
  return static_cast<std::int32_t>(std::nearbyint(std::clamp(zero, 0.0F, top)));
}

void weight_scales(const Graph& graph, const Step& step, std::span<const float> params,
                   std::span<float> scales) {
  const auto thetas = param(graph, params, step.weight_scale);
  FEDQAT_DCHECK(thetas.size() == 1 || thetas.size() == scales.size());
  exact_exp2(thetas, scales.data());
  if (thetas.size() == 1) std::fill(scales.begin(), scales.end(), scales[0]);
}

}  // namespace fedqat
