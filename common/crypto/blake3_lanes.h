// The part of BLAKE3 that runs in vectors: several inputs at once. Part of common/crypto only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/isa.h"

namespace fedqat {

// Frozen: the algorithm's own.
namespace blake3_flags {
inline constexpr std::uint32_t kStart = 1, kEnd = 2, kParent = 4, kRoot = 8;
}
inline constexpr std::array<std::uint32_t, 8> kBlake3Iv = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

// Inputs of 64 * blocks bytes: input i begins at in + i * stride, its counter is counter + i *
// counter_step, its chaining value goes to out + 32 i.
struct Blake3Inputs {
  const std::byte* in = nullptr;
  std::size_t stride = 0;
  std::size_t blocks = 0;
  std::uint64_t counter = 0;
  std::uint64_t counter_step = 0;
  std::uint32_t flags = 0;        // of every block
  std::uint32_t first_flags = 0;  // of the first, too
  std::uint32_t last_flags = 0;
};

struct Blake3Lanes {
  Isa isa;
  std::size_t lanes;
  void (*hash)(const Blake3Inputs& inputs, std::size_t n, std::byte* out);  // 1 <= n <= lanes
};

std::span<const Blake3Lanes> all_blake3_lanes();  // what this machine can run, best first
const Blake3Lanes& blake3_lanes();                // the best

// One block of `size` bytes, the rest of it zeros.
std::array<std::uint32_t, 8> blake3_compress(const std::array<std::uint32_t, 8>& value,
                                             const std::byte* block, std::size_t size,
                                             std::uint64_t counter, std::uint32_t flags);

}  // namespace fedqat
