// How one activation grid is made of what many clients saw. The merged histogram is the rule that
// works; the others are what servers usually do, kept to be compared with it: averages of the
// clients' own scales clip those whose values are large.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/quant/histogram.h"
#include "common/quant/range_fit.h"

namespace fedqat {

enum class ScaleRule {
  kHistogram,  // least squared error over the merged histogram
  kMean,       // mean of the ends of the clients' own best grids, weighted by samples
  kLogMean,    // the same of their logarithms
  kMax,        // greatest ends of the clients' own best grids
  kMinMax,     // least and greatest value that any client saw
};

// "histogram", "mean", "log-mean", "max", "min-max"; else nothing.
std::optional<ScaleRule> scale_rule(std::string_view name);

// What the other rules need of the clients' histograms of one activation. Integers and maxima, so
// that the order of clients does not matter. Not thread-safe.
class RangeVotes {
 public:
  // bits 2..8 and relu as in fit_activation().
  RangeVotes(int bits, bool relu) : bits_(bits), relu_(relu) {}

  // samples >= 1; those of all clients together stay below 2^25.
  void add(const Log2Histogram& h, std::uint32_t samples);
  void merge(const RangeVotes& other);

  // rule: any but kHistogram, which fits the merged histogram and needs no votes.
  ActivationGrid fit(ScaleRule rule) const;
  bool operator==(const RangeVotes&) const = default;

 private:
  // Distances of an end of the grid from 0, over clients.
  struct End {
    std::int64_t sum = 0;       // times samples, in units of 2^-24
    std::int64_t log2_sum = 0;  // of its log2 times samples, in units of 2^-24
    double greatest = 0;
    double seen = 0;  // greatest value, unclipped
    void add(double end, double seen, std::uint32_t samples);
    void merge(const End& other);
    bool operator==(const End&) const = default;
  };
  double distance(const End& end, ScaleRule rule) const;

  int bits_;
  bool relu_;
  std::int64_t samples_ = 0;
  End low_, high_;
};

}  // namespace fedqat
