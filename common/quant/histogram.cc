#include "common/quant/histogram.h"

#include <bit>
#include <cmath>

#include "common/base/check.h"
#include "common/base/exact_math.h"

namespace fedqat {
namespace {

// Lower edges of the eight bins of [1, 2).
const std::array<float, 8>& octave_edges() {
  static const std::array<float, 8> edges = [] {
    std::array<float, 8> e{};
    for (std::size_t i = 0; i < e.size(); ++i) {
      e[i] = static_cast<float>(exact_exp2(static_cast<double>(i) / 8));
    }
    return e;
  }();
  return edges;
}

}  // namespace

double bin_edge(int j) {
  return exact_exp2(static_cast<double>(j) / Log2Histogram::kBinsPerOctave +
                    Log2Histogram::kLowestExponent);
}

void Log2Histogram::add(std::span<const float> values) {
  const auto& edges = octave_edges();
  for (const float v : values) {
    FEDQAT_DCHECK(std::isfinite(v));
    const auto bits = std::bit_cast<std::uint32_t>(v);
    const int exponent = static_cast<int>(bits >> 23 & 0xFF) - 127;
    if (exponent < kLowestExponent) {  // zeros and denormals included
      ++zeros;
      continue;
    }
    const float mantissa = std::bit_cast<float>((bits & 0x007FFFFF) | 0x3F800000);
    int part = 0;
    for (std::size_t i = 1; i < edges.size(); ++i) part += mantissa >= edges[i];
    int bin = (exponent - kLowestExponent) * kBinsPerOctave + part;
    if (bin >= kBins) bin = kBins - 1;
    auto& side = bits >> 31 != 0 ? negative : positive;
    ++side[static_cast<std::size_t>(bin)];
  }
}

void Log2Histogram::merge(const Log2Histogram& other) {
  zeros += other.zeros;
  for (std::size_t j = 0; j < positive.size(); ++j) {
    positive[j] += other.positive[j];
    negative[j] += other.negative[j];
  }
}

std::uint64_t Log2Histogram::count() const {
  std::uint64_t n = zeros;
  for (std::size_t j = 0; j < positive.size(); ++j) n += positive[j] + negative[j];
  return n;
}

}  // namespace fedqat
