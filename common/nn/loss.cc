#include "common/nn/loss.h"

#include <algorithm>
#include <limits>

#include "common/base/exact_math.h"

namespace fedqat {

BatchStats softmax_cross_entropy(std::span<const float> logits, const std::uint8_t* labels, int n,
                                 std::span<float> dlogits) {
  const std::size_t classes = logits.size() / static_cast<std::size_t>(n);
  BatchStats stats;
  for (int i = 0; i < n; ++i) {
    const auto row = logits.subspan(static_cast<std::size_t>(i) * classes, classes);
    const auto best = std::max_element(row.begin(), row.end());
    const std::size_t label = labels[i];
    stats.correct += static_cast<std::size_t>(best - row.begin()) == label;
    double sum = 0;
    double share[256];  // labels are u8
    for (std::size_t c = 0; c < classes; ++c) share[c] = static_cast<double>(row[c]) - *best;
    exact_exp(std::span(share, classes), share);
    for (std::size_t c = 0; c < classes; ++c) sum += share[c];
    // sum >= 1 unless a logit is not finite: training diverged, and so says the loss.
    stats.loss += sum >= 1 ? exact_log(sum) - (static_cast<double>(row[label]) - *best)
                           : std::numeric_limits<double>::quiet_NaN();
    if (dlogits.empty()) continue;
    float* d = dlogits.data() + static_cast<std::size_t>(i) * classes;
    for (std::size_t c = 0; c < classes; ++c) {
      d[c] = static_cast<float>((share[c] / sum - (c == label ? 1 : 0)) / n);
    }
  }
  return stats;
}

}  // namespace fedqat
