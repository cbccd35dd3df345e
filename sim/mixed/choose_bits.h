// Mixed precision as a choice of one width for each layer: a multiple-choice knapsack.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/result.h"

namespace fedqat {

struct WidthOption {
  int bits = 0;
  std::uint64_t bytes = 0;
  double sensitivity = 0;  // what the layer costs at this width
};

// options[layer], none of them empty. The index of the option of each layer with the least sum of
// sensitivities at no more than budget_bytes together; of equal sums the one with fewer bytes.
// Exact: dynamic programming over the undominated sums [Nemhauser69], so at most budget_bytes + 1
// of them a layer.
// kInvalid: even the smallest options do not fit.
Result<std::vector<std::size_t>> choose_bits(std::span<const std::vector<WidthOption>> options,
                                             std::uint64_t budget_bytes);

}  // namespace fedqat
