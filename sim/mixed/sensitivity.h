// What each layer of a trained network costs at each width of its weights.
#pragma once

#include <string>
#include <vector>

#include "common/data/dataset.h"
#include "common/data/partition.h"
#include "common/nn/model_state.h"
#include "common/wire/network_spec.h"
#include "coordinator/calibrate.h"
#include "sim/mixed/choose_bits.h"

namespace fedqat {

inline constexpr int kMixedWidths[] = {8, 6, 5, 4, 3, 2};

struct LayerWidths {
  std::string layer;
  std::size_t weights = 0;
  std::vector<WidthOption> widths;  // one for each of kMixedWidths
};

// Bytes of `weights` codes of so many bits, packed.
std::uint64_t packed_bytes(std::size_t weights, int bits);

// The layers with weights of an fp32 graph and what they take, sensitivities 0.
std::vector<LayerWidths> layer_widths(const Graph& graph);

// As in [Cai20], one layer at a time: the mean over calibration samples of KL(p || q) in nats, p
// the softmax of the fp32 network, q that of the same network with the weights of this layer alone
// rounded to the width. 0 or more; labels are not used. Scales of weights by `calibration`.
// `trained`: the state of network.model in fp32. `samples`: the first of every client, of which at
// most 4096, evenly spaced, are used. The same with any number of threads and instruction set.
// kInvalid: build_graph().
Result<std::vector<LayerWidths>> measure_sensitivity(
    const NetworkSpec& network, const ModelState& trained, const Dataset& train,
    const Partition& partition, const Calibration& calibration, std::uint32_t samples);

}  // namespace fedqat
