// Subtractive dither [Schuchman64]: both sides know the noise u, the client sends round((x + u) /
// D), the coordinator takes u off again. The error is uniform in +-D / 2 whatever x is, so its mean
// is 0 and its square D^2 / 12, half of what stochastic rounding has; the codes of small updates
// are few and take less than their bits (coded_values.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "common/base/bytes.h"
#include "common/base/rng.h"

namespace fedqat {

// The noise takes kDitherParts values between -D / 2 and D / 2, D / kDitherParts apart; x is first
// rounded stochastically to multiples of that, 1e-4 of the error. So values are integers in units
// of D / kDitherUnits, within 16 bits, and updates of one D add up exactly.
inline constexpr int kDitherParts = 128;
inline constexpr int kDitherUnits = 2 * kDitherParts;

// How a tensor is sent. bits: 2..8, codes z in [-max_code(bits), max_code(bits)] (bit_pack.h).
// step: D of all clients; 0: each client has its own, its greatest magnitude over max_code(bits).
struct DitherRate {
  int bits = 8;
  float step = 0;
};

// Bytes of n values: with a step of its own binary32, the client's greatest magnitude; u32 seed of
// the noise; the codes z (coded_values.h). Nothing for n = 0.
//   value = (256 z - 2 k - 1) D / 256,  k in [-64, 63] the seed's noise
std::size_t most_dither_size(std::size_t n, const DitherRate& rate);

// As coded_size().
std::optional<std::size_t> dither_size(ByteView bytes, std::size_t n, const DitherRate& rate);

// Appends to `out`. Values beyond `limit` or the codes are cut; returns how many. x is finite.
std::uint64_t encode_dither(std::span<const float> x, const DitherRate& rate, float limit, Rng& rng,
                            Bytes& out);

// Any bytes of dither_size(): the values in units of D / kDitherUnits, 0 where |z| is too large;
// false: they are not what encode_dither() sends.
[[nodiscard]] bool decode_dither(ByteView bytes, const DitherRate& rate, float limit,
                                 std::span<std::int16_t> units);

int dither_code(std::int16_t units);  // z

// D of bytes that decode_dither() admits, and of a step of its own the magnitude in them.
double dither_step(ByteView bytes, const DitherRate& rate);
float dither_range(ByteView bytes);

}  // namespace fedqat
