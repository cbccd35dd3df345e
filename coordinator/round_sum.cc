#include "coordinator/round_sum.h"

#include <cmath>
#include <utility>

#include "common/base/check.h"

namespace fedqat {

double staleness_weight(std::uint32_t age) { return 1 / std::sqrt(1 + static_cast<double>(age)); }

Aggregator& RoundSum::of(std::uint32_t trained, const UpdateGrid& grid, std::size_t histograms,
                         std::vector<RangeVotes> votes) {
  FEDQAT_CHECK(trained <= round_);
  const auto found = sums_.find(trained);
  if (found != sums_.end()) return found->second;
  return sums_.emplace(trained, Aggregator(grid, histograms, std::move(votes))).first->second;
}

std::map<std::uint32_t, Aggregate> RoundSum::report() && {
  std::map<std::uint32_t, Aggregate> sums;
  for (auto& [trained, aggregator] : sums_) {
    if (aggregator.totals().clients > 0) sums.emplace(trained, std::move(aggregator).report());
  }
  return sums;
}

std::vector<float> mean_update(std::uint32_t round,
                               const std::map<std::uint32_t, Aggregate>& sums) {
  std::vector<double> total;
  std::uint64_t samples = 0;
  for (const auto& [trained, sum] : sums) {
    const double weight = staleness_weight(round - trained);
    total.resize(sum.sums.size());
    samples += sum.weight;
    std::size_t i = 0;
    for (const TensorGrid& tensor : sum.grid) {
      const double one = unit(tensor);
      for (const std::size_t end = i + tensor.size; i < end; ++i) {
        total[i] += weight * (static_cast<double>(sum.sums[i]) * one);
      }
    }
  }
  std::vector<float> mean(total.size());
  for (std::size_t i = 0; i < mean.size(); ++i) {
    mean[i] = static_cast<float>(total[i] / static_cast<double>(samples));
  }
  return mean;
}

}  // namespace fedqat
