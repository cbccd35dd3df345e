// What the updates of a round come to. They may be trained on several versions of the model, each
// with a grid of its own: one exact sum for each, put together when the round closes.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "coordinator/aggregator.h"

namespace fedqat {

// 1 / sqrt(1 + age): what an update counts whose model is `age` rounds old [Nguyen22, FedBuff].
double staleness_weight(std::uint32_t age);

// Not thread-safe. Memory O(model x versions).
class RoundSum {
 public:
  explicit RoundSum(std::uint32_t round) : round_(round) {}

  // Of updates that were trained in round `trained`, 1..round. histograms, votes: as
  // for an Aggregator.
  Aggregator& of(std::uint32_t trained, const UpdateGrid& grid, std::size_t histograms,
                 std::vector<RangeVotes> votes = {});
  // Consumes this. By the round they were trained in; without those that got no update.
  std::map<std::uint32_t, Aggregate> report() &&;

 private:
  std::uint32_t round_;
  std::map<std::uint32_t, Aggregator> sums_;
};

// mean[i] = f32(sum_t staleness_weight(round - t) (f64(sums_t[i]) unit_t) / f64(W)), from the
// oldest t on, W the samples of all; zeros when nothing was sent. Of one round alone this is
// f32(f64(sums[i]) unit / f64(W)).
std::vector<float> mean_update(std::uint32_t round, const std::map<std::uint32_t, Aggregate>& sums);

}  // namespace fedqat
