#include "sim/ptq.h"

#include <algorithm>
#include <vector>

#include "common/nn/batch_norm.h"
#include "sim/ptq/adaround.h"
#include "sim/ptq/bias_correction.h"
#include "sim/ptq/calibration_data.h"
#include "sim/ptq/equalize.h"

namespace fedqat {
namespace {

// Both graphs have the same steps; only the quantized one has scales among its parameters, only
// one with batch normalization has its tensors.
ModelState copy_weights(const Graph& from, const ModelState& state, const Graph& to) {
  ModelState copy;
  copy.params.resize(to.param_count);
  copy.zero_points.assign(to.steps.size(), 0);
  FEDQAT_CHECK(state.params.size() == from.param_count && from.steps.size() == to.steps.size());
  for (std::size_t i = 0; i < to.steps.size(); ++i) {
    const auto tensor = [&](int target, int source) {
      if (target == kNone) return;
      const ParamTensor& t = to.params[static_cast<std::size_t>(target)];
      const ParamTensor& s = from.params[static_cast<std::size_t>(source)];
      FEDQAT_CHECK(t.size == s.size);
      std::copy_n(state.params.begin() + static_cast<std::ptrdiff_t>(s.offset), s.size,
                  copy.params.begin() + static_cast<std::ptrdiff_t>(t.offset));
    };
    tensor(to.steps[i].weight, from.steps[i].weight);
    tensor(to.steps[i].bias, from.steps[i].bias);
  }
  return copy;
}

}  // namespace

PtqOptions ptq_options(const wire::Config& config) {
  const wire::QuantConfig& q = config.quant();
  return {.calibration_samples = q.calibration_samples(),
          .calibration = calibration_from_config(config),
          .equalize = q.ptq_equalize(),
          .bias_correction = q.ptq_bias_correction(),
          .adaround = q.ptq_adaround()};
}

Result<PackedModel> quantize_after_training(const NetworkSpec& network, const ModelState& trained,
                                            const Dataset& train, const Partition& partition,
                                            const PtqOptions& options) {
  QuantSpec none = network.quant;
  none.weight_bits = none.activation_bits = kFloatBits;
  const auto trained_graph = build_graph(network.model, trained.quantized ? network.quant : none);
  if (!trained_graph) return trained_graph.error();
  const ModelSpec folded_spec = without_batch_norm(network.model);
  const auto float_graph = build_graph(folded_spec, none);
  if (!float_graph) return float_graph.error();
  const auto graph = build_graph(folded_spec, network.quant);
  if (!graph) return graph.error();

  ModelState folded = trained;
  if (!trained.quantized) fold_batch_norm(*trained_graph, folded.params);
  folded = copy_weights(*trained_graph, folded, *float_graph);
  if (options.equalize) equalize(*float_graph, folded.params);

  CalibrationData data(*float_graph, network.input, folded, train, partition,
                       options.calibration_samples);
  ModelState state = copy_weights(*float_graph, folded, *graph);
  // Dynamic models have no activation grids: nothing is to be seen.
  const auto histograms = network.quant.is_dynamic()
                              ? std::vector<Log2Histogram>(graph->steps.size())
                              : data.histograms();
  calibrate(*graph, histograms, options.calibration, state);
  if (options.adaround) adaround(*graph, data, state.params);
  if (options.bias_correction && !network.quant.is_dynamic())
    correct_biases(*graph, data, state.params);
  return pack_model(*graph, state, network.input);
}

}  // namespace fedqat
