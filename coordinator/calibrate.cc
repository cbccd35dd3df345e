#include "coordinator/calibrate.h"

#include "common/base/check.h"
#include "common/base/exact_math.h"
#include "common/nn/batch_norm.h"
#include "common/nn/learnt_scales.h"

namespace fedqat {
namespace {

float log2_of(float scale) { return static_cast<float>(exact_log2(static_cast<double>(scale))); }

void set_grid(const Graph& graph, std::size_t step, const ActivationGrid& grid, ModelState& state) {
  const Step& s = graph.steps[step];
  const auto param = [&](int index) -> float& {
    return state.params[graph.params[static_cast<std::size_t>(index)].offset];
  };
  param(s.activation_scale) = first_theta(graph.quant, grid.scale);
  state.zero_points[step] = grid.zero;
  if (s.activation_offset == kNone) return;
  param(s.activation_offset) =
      static_cast<float>(grid.zero) / static_cast<float>((1 << s.activation_bits) - 1);
}

}  // namespace

Calibration calibration_from_config(const wire::Config& config) {
  const Calibrator* by = find_calibrator(config.quant().calibrator());
  FEDQAT_CHECK(by != nullptr);
  return {by, config.quant().percentile() / 100};
}

void calibrate(const Graph& graph, std::span<const Log2Histogram> histograms,
               const Calibration& how, ModelState& state) {
  FEDQAT_CHECK(!graph.quant.is_float() && histograms.size() == graph.steps.size());
  fold_batch_norm(graph, state.params);
  state.zero_points.assign(graph.steps.size(), 0);
  for (std::size_t s = 0; s < graph.steps.size(); ++s) {
    const Step& step = graph.steps[s];
    if (step.activation_scale != kNone) {
      const auto grid =
          how.by->activations(histograms[s], step.activation_bits, step.relu, how.quantile);
      set_grid(graph, s, grid, state);
    }
    if (step.weight_scale != kNone) {
      const auto& weight = graph.params[static_cast<std::size_t>(step.weight)];
      const auto& scale = graph.params[static_cast<std::size_t>(step.weight_scale)];
      const std::size_t each = weight.size / scale.size;
      const std::span<const float> params = state.params;
      for (std::size_t c = 0; c < scale.size; ++c) {
        state.params[scale.offset + c] = log2_of(
            how.by->weights(params.subspan(weight.offset + c * each, each), step.weight_bits));
      }
    }
  }
  state.quantized = true;
}

std::vector<RangeVotes> votes_for(const Graph& graph, const wire::Config& config) {
  std::vector<RangeVotes> votes;
  if (scale_rule(config.quant().scale_rule()) == ScaleRule::kHistogram) return votes;
  for (const Step& step : graph.steps) {
    const int bits = step.activation_scale == kNone ? 8 : step.activation_bits;
    votes.emplace_back(bits, step.relu);
  }
  return votes;
}

void apply_votes(const Graph& graph, std::span<const RangeVotes> votes, ScaleRule rule,
                 ModelState& state) {
  for (std::size_t s = 0; s < votes.size(); ++s) {
    const Step& step = graph.steps[s];
    if (step.activation_scale == kNone) continue;
    set_grid(graph, s, votes[s].fit(rule), state);
  }
}

}  // namespace fedqat
