#include "coordinator/scale_rule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "common/base/check.h"
#include "common/base/exact_math.h"

namespace fedqat {
namespace {

constexpr double kUnit = 0x1p24;
constexpr double kSmallestEnd = 0x1p-20;  // where the histograms begin
constexpr double kLargestEnd = 0x1p13;

std::int64_t fixed(double value, std::uint32_t samples) {
  return std::llrint(value * kUnit) * std::int64_t{samples};
}

// Upper edge of the last bin that holds something.
double largest_seen(const std::array<std::uint64_t, Log2Histogram::kBins>& side) {
  for (int j = Log2Histogram::kBins - 1; j >= 0; --j) {
    if (side[static_cast<std::size_t>(j)] > 0) return bin_edge(j + 1);
  }
  return 0;
}

}  // namespace

std::optional<ScaleRule> scale_rule(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, ScaleRule>, 5> kNames = {
      {{"histogram", ScaleRule::kHistogram},
       {"mean", ScaleRule::kMean},
       {"log-mean", ScaleRule::kLogMean},
       {"max", ScaleRule::kMax},
       {"min-max", ScaleRule::kMinMax}}};
  for (const auto& [known, rule] : kNames) {
    if (known == name) return rule;
  }
  return std::nullopt;
}

void RangeVotes::End::add(double end, double seen_end, std::uint32_t samples) {
  end = std::clamp(end, kSmallestEnd, kLargestEnd);
  sum += fixed(end, samples);
  log2_sum += fixed(exact_log2(end), samples);
  greatest = std::max(greatest, end);
  seen = std::max(seen, seen_end);
}

void RangeVotes::End::merge(const End& other) {
  sum += other.sum;
  log2_sum += other.log2_sum;
  greatest = std::max(greatest, other.greatest);
  seen = std::max(seen, other.seen);
}

void RangeVotes::add(const Log2Histogram& h, std::uint32_t samples) {
  const ActivationGrid own = fit_activation(h, bits_, relu_);
  const int levels = (1 << bits_) - 1;
  low_.add(double{own.scale} * own.zero, largest_seen(h.negative), samples);
  high_.add(double{own.scale} * (levels - own.zero), largest_seen(h.positive), samples);
  samples_ += samples;
}

void RangeVotes::merge(const RangeVotes& other) {
  FEDQAT_CHECK(other.bits_ == bits_ && other.relu_ == relu_);
  low_.merge(other.low_);
  high_.merge(other.high_);
  samples_ += other.samples_;
}

double RangeVotes::distance(const End& end, ScaleRule rule) const {
  const double weight = kUnit * static_cast<double>(samples_);
  switch (rule) {
    case ScaleRule::kMean:
      return static_cast<double>(end.sum) / weight;
    case ScaleRule::kLogMean:
      return exact_exp2(static_cast<double>(end.log2_sum) / weight);
    case ScaleRule::kMax:
      return end.greatest;
    case ScaleRule::kMinMax:
      return std::clamp(end.seen, kSmallestEnd, kLargestEnd);
    case ScaleRule::kHistogram:
      break;
  }
  check_failed("a rule of ends", __FILE__, __LINE__);
}

ActivationGrid RangeVotes::fit(ScaleRule rule) const {
  FEDQAT_CHECK(samples_ > 0);
  const int levels = (1 << bits_) - 1;
  const double high = distance(high_, rule);
  if (relu_) return {static_cast<float>(high / levels), 0};
  const double low = distance(low_, rule);
  const double step = (low + high) / levels;
  return {static_cast<float>(step), static_cast<std::int32_t>(std::lround(low / step))};
}

}  // namespace fedqat
