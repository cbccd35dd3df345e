// From fp32 to integers: the first scales and zero points of a model.
#pragma once

#include <span>
#include <vector>

#include "common/nn/graph.h"
#include "common/nn/model_state.h"
#include "common/quant/calibrators.h"
#include "common/quant/histogram.h"
#include "common/wire/config.pb.h"
#include "coordinator/scale_rule.h"

namespace fedqat {

struct Calibration {
  const Calibrator* by = &calibrators().front();
  double quantile = 0.9999;  // of the percentile calibrator
};
// kChecks: config.quant().calibrator() is in the table, as the schema demands.
Calibration calibration_from_config(const wire::Config& config);

// Folds batch normalization into weights and biases. Activation grids from the merged histograms of
// all clients (one a step), weight scales from the global weights, as `how` says. No client's
// values are needed, only the histograms' sum.
// Sets state.quantized; zero points stay as they are from then on, scales are learnt further.
void calibrate(const Graph& graph, std::span<const Log2Histogram> histograms,
               const Calibration& how, ModelState& state);

// One for each step when config.quant().scale_rule() needs them, else none.
std::vector<RangeVotes> votes_for(const Graph& graph, const wire::Config& config);
// Activation grids by `rule` in place of those that calibrate() set.
void apply_votes(const Graph& graph, std::span<const RangeVotes> votes, ScaleRule rule,
                 ModelState& state);

}  // namespace fedqat
