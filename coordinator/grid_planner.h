// The common grid of each round's updates.
#pragma once

#include <vector>

#include "common/codec/update_codec.h"
#include "common/nn/graph.h"
#include "coordinator/aggregator.h"

namespace fedqat {

// Which tensors besides weights and biases a round moves.
struct Moving {
  bool scales = false;      // log2 scales are learnt
  bool batch_norm = false;  // an fp32 phase
};

// How weights are to travel. kUniform: bits 1..8, or 32 for fp32; kEden: more than 0 to 8, also
// fractional; kDither and kSparse: 2..8.
struct UplinkRate {
  UpdateCodec codec = UpdateCodec::kUniform;
  double bits = 8;
  // kUniform and kDither, bits 2..8: fewer bits as updates get smaller, down to 2, so that no step
  // is greater than the tensor's first (FedDQ [Qu21]).
  bool falling = false;
  float share = 1;  // of kSparse: of the weights
};

// Weights travel at the rate given; other than uniformly from the first round on (with dither each
// client then has a step of its own), but tensors of less than kLeastEdenBlock values uniformly at
// 8 bits. Biases and batch normalization travel at 16 bits (they are few). What has a common step
// spans 1.25 times the greatest change that any accepted client of the round before saw, but at
// most 8 times the range before; fp32 while there is none. Log2 scales travel at 16 bits over
// +-kMaxScaleMove, which is all they may move, and only while they are learnt; batch normalization
// in fp32 phases only. At 32 bits everything is fp32. A pure function of what was committed.
class GridPlanner {
 public:
  GridPlanner(const Graph& graph, UplinkRate rate);

  UpdateGrid grid(const Moving& moving) const { return grid(ranges_, moving); }
  // Likewise, of a round that began with these ranges.
  UpdateGrid grid(std::span<const float> ranges, const Moving& moving) const;
  // max_abs: of all updates of a round, one a tensor.
  void learn(std::span<const float> max_abs);
  // What a restarted coordinator has to restore: one range a tensor, 0: not known; with falling
  // bits behind them the first range of each.
  std::span<float> state() { return ranges_; }

 private:
  const Graph& graph_;
  UplinkRate rate_;
  std::vector<float> ranges_;
};

}  // namespace fedqat
