// Log2 histograms of real values: additive integers from which the coordinator learns scales.
// Eight bins an octave, so that merged histograms give a scale within 1.05x of the pooled optimum.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace fedqat {

// Bin j of a side counts values with |x| in [2^(j/8 - 20), 2^((j+1)/8 - 20)); smaller ones count as
// zero, larger ones in the last bin.
struct Log2Histogram {
  static constexpr int kBins = 256;
  static constexpr int kBinsPerOctave = 8;
  static constexpr int kLowestExponent = -20;

  std::uint64_t zeros = 0;
  std::array<std::uint64_t, kBins> positive{};
  std::array<std::uint64_t, kBins> negative{};

  void add(std::span<const float> values);
  void merge(const Log2Histogram& other);
  std::uint64_t count() const;
  bool operator==(const Log2Histogram&) const = default;
};

// Lower edge of bin j; exact function of j on every machine.
double bin_edge(int j);

}  // namespace fedqat
