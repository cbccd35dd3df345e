// Signed codes as a little-endian bit stream (docs/formats.md): code i holds the bits [i b, (i+1)
// b) of the stream in two's complement, bit k of the stream is bit k % 8 of byte k / 8, and the
// unused bits of the last byte are zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/bytes.h"

namespace fedqat {

inline constexpr int kMinCodeBits = 2;
inline constexpr int kMaxCodeBits = 16;

// Codes of b bits lie in [-max_code(b), max_code(b)]; the most negative pattern is never used.
constexpr int max_code(int bits) { return (1 << (bits - 1)) - 1; }

// Bytes that n codes of `bits` bits take.
std::size_t packed_size(std::size_t n, int bits);

// Appends to `out`. `bits` in 2..16; the codes fit.
void pack_codes(std::span<const std::int16_t> codes, int bits, Bytes& out);

// Codes [first, first + codes.size()) of the stream `packed`, which holds them.
void unpack_codes(ByteView packed, int bits, std::size_t first, std::span<std::int16_t> codes);

// Greatest |code| of the n codes of `packed`, which holds them; 0 for none. Counts the pattern that
// is never used as max_code(bits) + 1.
int greatest_code(ByteView packed, std::size_t n, int bits);

// The same stream of indices of 1..8 bits, [0, 2^bits): nothing is refused.
void pack_indices(std::span<const std::uint8_t> indices, int bits, Bytes& out);
// The first indices.size() of `packed`, which holds them.
void unpack_indices(ByteView packed, int bits, std::span<std::uint8_t> indices);

// True if `packed` has the exact length of n codes and its unused bits are zero.
bool packed_size_is_valid(ByteView packed, std::size_t n, int bits);

// True if `packed` is n codes as pack_codes() writes them: that, and every code in range.
bool packed_is_valid(ByteView packed, std::size_t n, int bits);

}  // namespace fedqat
