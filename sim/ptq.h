// Post-training quantization: what the usual tools do to a network that was trained in fp32. The
// baseline that training with quantization is compared with.
#pragma once

#include "common/base/result.h"
#include "common/data/dataset.h"
#include "common/data/partition.h"
#include "common/nn/model_state.h"
#include "common/nn/packed_model.h"
#include "common/wire/network_spec.h"

namespace fedqat {

// `fp32` is the state of `network` with QuantSpec bits of 32; network.quant says the bits wanted.
// Weight scales from the weights; activation scales from histograms over the first
// `calibration_samples` of every client, merged as a coordinator would. kInvalid: build_graph().
Result<PackedModel> quantize_after_training(const NetworkSpec& network, const ModelState& fp32,
                                            const Dataset& train, const Partition& partition,
                                            std::uint32_t calibration_samples);

}  // namespace fedqat
