// Loops of weighted_sum.h, compiled once for each instruction set; the compiler vectorizes them.
#pragma once

#include "common/codec/weighted_sum.h"

namespace fedqat {
namespace {

template <class Code>
void add_loop(const Code* codes, std::size_t n, std::int32_t weight, std::int32_t* sum) {
  for (std::size_t i = 0; i < n; ++i) sum[i] += weight * codes[i];
}

void flush_loop(std::int32_t* partial, std::size_t n, std::int64_t* sum) {
  for (std::size_t i = 0; i < n; ++i) {
    sum[i] += partial[i];
    partial[i] = 0;
  }
}

constexpr WeightedSum kLoops = {add_loop<std::int8_t>, add_loop<std::int16_t>, flush_loop};

}  // namespace
}  // namespace fedqat
