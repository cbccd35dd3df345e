// Small codes as bytes, entropy-coded where that is shorter: what update codecs send whose codes
// are mostly zeros.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "common/base/bytes.h"

namespace fedqat {

inline constexpr int kMaxCodedBits = 8;

// u32 size, then so many bytes: of packed_size(n, bits) the codes packed (bit_pack.h), of fewer the
// symbols 2 |c| - [c > 0] (range_coder.h) of 2^bits - 1 kinds. Nothing for n = 0. bits: 2..8, codes
// as in bit_pack.h.
std::size_t most_coded_size(std::size_t n, int bits);

// Appends to `out`.
void put_coded(std::span<const std::int16_t> codes, int bits, Bytes& out);

// Any bytes: how many of them are the n codes that they begin with; nothing: they end before, or
// the size is greater than it can be.
std::optional<std::size_t> coded_size(ByteView bytes, std::size_t n, int bits);

// Any bytes of coded_size(): false if they are not codes.size() codes.
[[nodiscard]] bool take_coded(ByteView bytes, int bits, std::span<std::int16_t> codes);

int greatest_magnitude(std::span<const std::int16_t> codes);  // 0 for none

}  // namespace fedqat
