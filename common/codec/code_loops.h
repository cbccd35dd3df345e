// The inner loops of exact aggregation, on the codes of an update: greatest magnitude, weighted
// sum, unpacking. Integers only, so every instruction set gives the same results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/isa.h"

namespace fedqat {

struct CodeLoops {
  Isa isa;
  // Greatest |code|, 0 for none. 128 or 2^15 tells of the pattern that is never used.
  int (*greatest_i8)(const std::int8_t* codes, std::size_t n);
  int (*greatest_i16)(const std::int16_t* codes, std::size_t n);
  // sum[i] += weight * code[i]. The caller has bounded |weight * code| and the sums: no overflow.
  void (*add_i8)(const std::int8_t* codes, std::size_t n, std::int32_t weight, std::int32_t* sum);
  void (*add_i16)(const std::int16_t* codes, std::size_t n, std::int32_t weight, std::int32_t* sum);
  // sum[i] += weight * to_fixed(value[i]) (update_codec.h), of n binary32 values
  void (*add_floats)(const std::byte* values, std::size_t n, std::int64_t weight,
                     std::int64_t* sum);
  // sum += partial; partial = 0
  void (*flush)(std::int32_t* partial, std::size_t n, std::int64_t* sum);
  // The first codes of a stream of 2..8 bit codes (bit_pack.h) of `bytes` bytes, a multiple of 8
  // and at most n. Returns how many; the rest is the caller's.
  std::size_t (*unpack)(const std::byte* packed, std::size_t bytes, int bits, std::size_t n,
                        std::int16_t* codes);
};

std::span<const CodeLoops> all_code_loops();  // what this machine can run, best first
const CodeLoops& code_loops();                // the best; ask once, outside the loop

}  // namespace fedqat
