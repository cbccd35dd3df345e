#include "sim/mixed/choose_bits.h"

#include <algorithm>
#include <string>
#include <tuple>

#include "common/base/check.h"

namespace fedqat {
namespace {

// A choice for the first layers that no other beats in both bytes and sum.
struct Partial {
  std::uint64_t bytes = 0;
  double sum = 0;
  std::size_t before = 0;  // index among those of one layer less
  std::size_t option = 0;
};

std::uint64_t least_bytes(const std::vector<WidthOption>& options) {
  FEDQAT_CHECK(!options.empty());
  const auto least =
      std::min_element(options.begin(), options.end(),
                       [](const auto& a, const auto& b) { return a.bytes < b.bytes; });
  return least->bytes;
}

// In the order of bytes; each has a smaller sum than all before it.
std::vector<Partial> undominated(std::vector<Partial> all) {
  std::sort(all.begin(), all.end(), [](const Partial& a, const Partial& b) {
    return std::tie(a.bytes, a.sum, a.before, a.option) <
           std::tie(b.bytes, b.sum, b.before, b.option);
  });
  std::vector<Partial> kept;
  for (const Partial& p : all) {
    if (kept.empty() || p.sum < kept.back().sum) kept.push_back(p);
  }
  return kept;
}

}  // namespace

Result<std::vector<std::size_t>> choose_bits(std::span<const std::vector<WidthOption>> options,
                                             std::uint64_t budget_bytes) {
  std::uint64_t rest = 0;  // that the layers not yet chosen take at least
  for (const auto& layer : options) rest += least_bytes(layer);
  if (rest > budget_bytes) {
    return Error{Errc::kInvalid, "the budget is " + std::to_string(budget_bytes) +
                                     " bytes of weights, and with the fewest bits they take " +
                                     std::to_string(rest) + "; raise it"};
  }
  std::vector<std::vector<Partial>> stages = {{Partial{}}};
  for (const auto& layer : options) {
    rest -= least_bytes(layer);
    std::vector<Partial> next;
    for (std::size_t i = 0; i < stages.back().size(); ++i) {
      const Partial& p = stages.back()[i];
      for (std::size_t o = 0; o < layer.size(); ++o) {
        const std::uint64_t bytes = p.bytes + layer[o].bytes;
        if (bytes + rest > budget_bytes) continue;
        next.push_back(
            {.bytes = bytes, .sum = p.sum + layer[o].sensitivity, .before = i, .option = o});
      }
    }
    stages.push_back(undominated(std::move(next)));
  }
  std::vector<std::size_t> chosen(options.size());
  std::size_t at = stages.back().size() - 1;  // the least sum
  for (std::size_t layer = options.size(); layer > 0; --layer) {
    const Partial& p = stages[layer][at];
    chosen[layer - 1] = p.option;
    at = p.before;
  }
  return chosen;
}

}  // namespace fedqat
