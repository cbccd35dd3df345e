// EDEN [Vargaftik22], after DRIVE [Vargaftik21]: a randomized rotation makes any update look
// Gaussian, so that one table of centroids is the best quantizer for it. Unbiased at any number of
// bits, also below one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/bytes.h"
#include "common/base/rng.h"

namespace fedqat {

inline constexpr int kMaxEdenBits = 8;
inline constexpr std::size_t kLeastEdenBlock = 256, kMostEdenBlock = 4096;

// The first floor(share N + 1/2) rotated coordinates of a block of N have `bits` bits, the others
// one less; none is 0. bits in 1..8, share in (0, 1].
struct EdenRate {
  int bits = 1;
  float share = 1;
};

// A tensor is cut into blocks: each the greatest power of two that what is left fills, at most
// kMostEdenBlock; less than kLeastEdenBlock is filled up with zeros.
std::size_t eden_block(std::size_t left);

// Bytes of n values: u32 seed of the rotation, then for each block a binary32 scale s and two
// streams of indices (bit_pack.h), of the coordinates with `bits` and of those with one less.
//   x = s D H c     H the Hadamard matrix of +-1, D the seed's random signs, c the centroids
// s = |x|^2 / <c, H D x>, which makes x unbiased. Nothing for n = 0.
std::size_t eden_size(std::size_t n, const EdenRate& rate);

// Appends to `out`. Values beyond `limit` are cut to it; returns how many. x is finite.
std::uint64_t encode_eden(std::span<const float> x, const EdenRate& rate, float limit, Rng& rng,
                          Bytes& out);

// Greatest scale of n values in `bytes`, of eden_size(); NaN if a scale is negative, not finite or
// beyond `limit`, or a bit is set that no index uses.
float greatest_eden_scale(ByteView bytes, std::size_t n, const EdenRate& rate, float limit);

// Bytes that greatest_eden_scale() admits; values beyond `limit` are cut to it. All sums in
// binary32 and of one order: the same on every machine.
void decode_eden(ByteView bytes, const EdenRate& rate, float limit, std::span<float> x);

// Of a standard normal variable, the positive half in rising order: 2^(bits-1) values.
std::span<const float> eden_centroids(int bits);

}  // namespace fedqat
