// InputGrid from mean and deviation of the pixels.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>

#include "common/data/dataset.h"

namespace fedqat {

// mean and deviation in 0..1, deviation > 0.
inline InputGrid make_input_grid(double mean, double deviation) {
  return {static_cast<float>(1 / (255 * deviation)),
          static_cast<std::int32_t>(std::lrint(255 * mean))};
}

// Of these codes; sums are exact integers. Codes that are all equal get deviation 1.
inline InputGrid fit_input_grid(std::span<const std::uint8_t> codes) {
  std::uint64_t sum = 0;
  std::uint64_t squares = 0;
  for (const std::uint32_t c : codes) {
    sum += c;
    squares += c * c;
  }
  const auto n = static_cast<double>(codes.size());
  const double mean = static_cast<double>(sum) / n;
  const double variance = static_cast<double>(squares) / n - mean * mean;
  return make_input_grid(mean / 255, variance > 0 ? std::sqrt(variance) / 255 : 1);
}

}  // namespace fedqat
