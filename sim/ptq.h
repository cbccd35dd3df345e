// Post-training quantization: what the usual tools do to a network that was trained in fp32. The
// baseline that training with quantization is compared with.
#pragma once

#include "common/base/result.h"
#include "common/data/dataset.h"
#include "common/data/partition.h"
#include "common/nn/model_state.h"
#include "common/nn/packed_model.h"
#include "common/wire/network_spec.h"
#include "coordinator/calibrate.h"

namespace fedqat {

struct PtqOptions {
  std::uint32_t calibration_samples = 512;  // the first of every client
  Calibration calibration;
  bool equalize = false;         // ptq/equalize.h
  bool bias_correction = false;  // ptq/bias_correction.h
  bool adaround = false;         // ptq/adaround.h
};
PtqOptions ptq_options(const wire::Config& config);

// `trained` is the state of `network` with QuantSpec bits of 32, or quantized with any bits and the
// rules of network.quant; its weights count, not its scales. network.quant says the bits wanted.
// Folds batch normalization, equalizes, takes activation scales from histograms over the
// calibration samples, merged as a coordinator would, and weight scales from the weights; then
// rounds the weights and corrects biases. The last two look at layers' inputs, which a federation
// has on devices only: here they are for comparison. kInvalid: build_graph().
Result<PackedModel> quantize_after_training(const NetworkSpec& network, const ModelState& trained,
                                            const Dataset& train, const Partition& partition,
                                            const PtqOptions& options);

}  // namespace fedqat
