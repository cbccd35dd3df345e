#include "sim/ptq.h"

#include <vector>

#include "common/nn/batch_norm.h"
#include "sim/ptq/adaround.h"
#include "sim/ptq/bias_correction.h"
#include "sim/ptq/calibration_data.h"
#include "sim/ptq/copy_weights.h"
#include "sim/ptq/equalize.h"

namespace fedqat {

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
  const QuantSpec none = network.quant.in_fp32();
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
