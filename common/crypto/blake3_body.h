// Blake3Lanes, compiled once for each instruction set: word i of the state is a vector, with a lane
// for each input.
#pragma once

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/crypto/blake3_lanes.h"

namespace fedqat {
namespace {

#ifdef __AVX512F__
constexpr Isa kIsa = Isa::kAvx512Vnni;
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr Isa kIsa = Isa::kAvx2;
constexpr int kLanes = 8;
#else
constexpr Isa kIsa = Isa::kScalar;
constexpr int kLanes = 4;
#endif

typedef std::uint32_t Vec __attribute__((vector_size(4 * kLanes)));

// Which word of the message each step of a round takes.
constexpr auto kSchedule = [] {
  constexpr std::array<int, 16> kPermutation = {2, 6,  3,  10, 7, 0,  4,  13,
                                                1, 11, 12, 5,  9, 14, 15, 8};
  std::array<std::array<int, 16>, 7> rounds{};
  for (int i = 0; i < 16; ++i) rounds[0][i] = i;
  for (int r = 1; r < 7; ++r) {
    for (int i = 0; i < 16; ++i) rounds[r][i] = rounds[r - 1][kPermutation[i]];
  }
  return rounds;
}();

template <int kBits, class V>
inline __attribute__((always_inline)) V rotate(V x) {
  return (x >> kBits) | (x << (32 - kBits));
}

template <class V>
inline __attribute__((always_inline)) void mix(V& a, V& b, V& c, V& d, V x, V y) {
  a += b + x;
  d = rotate<16>(d ^ a);
  c += d;
  b = rotate<12>(b ^ c);
  a += b + y;
  d = rotate<8>(d ^ a);
  c += d;
  b = rotate<7>(b ^ c);
}

template <int kRound, class V>
inline __attribute__((always_inline)) void round(V* v, const V* m) {
  constexpr const auto& s = kSchedule[kRound];
  mix(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
  mix(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
  mix(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
  mix(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
  mix(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
  mix(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
  mix(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
  mix(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
}

// v [16]: chaining value, four words of the IV, counter, size, flags; the new value in v[0..8).
template <class V>
inline __attribute__((always_inline)) void compress(V* v, const V* m) {
  round<0>(v, m);
  round<1>(v, m);
  round<2>(v, m);
  round<3>(v, m);
  round<4>(v, m);
  round<5>(v, m);
  round<6>(v, m);
  for (int i = 0; i < 8; ++i) v[i] ^= v[i + 8];
}

// One step of the transposition below: exchanges blocks of kStep x kStep.
template <int kStep, std::size_t... k>
inline __attribute__((always_inline)) void exchange(Vec& a, Vec& b, std::index_sequence<k...>) {
  const Vec low =
      __builtin_shufflevector(a, b,
                              (static_cast<int>(k) & kStep ? kLanes + static_cast<int>(k) - kStep
                                                           : static_cast<int>(k))...);
  b = __builtin_shufflevector(a, b,
                              (static_cast<int>(k) & kStep ? kLanes + static_cast<int>(k)
                                                           : static_cast<int>(k) + kStep)...);
  a = low;
}

template <int kStep>
inline __attribute__((always_inline)) void exchange_all(Vec* rows) {
  if constexpr (kStep < kLanes) {
    for (int i = 0; i < kLanes; ++i) {
      if ((i & kStep) == 0) {
        exchange<kStep>(rows[i], rows[i + kStep], std::make_index_sequence<kLanes>());
      }
    }
    exchange_all<2 * kStep>(rows);
  }
}

void hash_lanes(const Blake3Inputs& inputs, std::size_t n, std::byte* out) {
  std::array<const std::byte*, kLanes> at;
  Vec low{}, high{};
  for (std::size_t i = 0; i < kLanes; ++i) {
    const std::size_t input = std::min(i, n - 1);  // idle lanes do the last one again
    at[i] = inputs.in + input * inputs.stride;
    const std::uint64_t counter = inputs.counter + input * inputs.counter_step;
    low[i] = static_cast<std::uint32_t>(counter);
    high[i] = static_cast<std::uint32_t>(counter >> 32);
  }
  Vec v[16] = {};
  for (int i = 0; i < 8; ++i) v[i] = Vec{} + kBlake3Iv[i];
  for (std::size_t block = 0; block < inputs.blocks; ++block) {
    Vec m[16];
    for (int part = 0; part < 16; part += kLanes) {
      for (int i = 0; i < kLanes; ++i) {
        std::memcpy(&m[part + i], at[i] + 64 * block + 4 * part, sizeof(Vec));
      }
      exchange_all<1>(m + part);
    }
    std::uint32_t flags = inputs.flags;
    if (block == 0) flags |= inputs.first_flags;
    if (block + 1 == inputs.blocks) flags |= inputs.last_flags;
    for (int i = 0; i < 4; ++i) v[8 + i] = Vec{} + kBlake3Iv[i];
    v[12] = low;
    v[13] = high;
    v[14] = Vec{} + 64;
    v[15] = Vec{} + flags;
    compress(v, m);
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t w = 0; w < 8; ++w) {
      const std::uint32_t word = v[w][i];
      std::memcpy(out + 32 * i + 4 * w, &word, 4);
    }
  }
}

constexpr Blake3Lanes kLanesHere = {kIsa, kLanes, hash_lanes};

}  // namespace
}  // namespace fedqat
