// The inner loops of exact aggregation: sum[i] += weight * code[i], on packed codes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fedqat {

// Integers only, so every instruction set gives the same sums. The caller has bounded
// |weight * code| and the sums: they do not overflow.
struct WeightedSum {
  void (*add_i8)(const std::int8_t* codes, std::size_t n, std::int32_t weight, std::int32_t* sum);
  void (*add_i16)(const std::int16_t* codes, std::size_t n, std::int32_t weight, std::int32_t* sum);
  void (*flush)(std::int32_t* partial, std::size_t n, std::int64_t* sum);  // sum += partial; 0
};

// Best for this machine. Ask once, outside the loop.
const WeightedSum& weighted_sum();

}  // namespace fedqat
