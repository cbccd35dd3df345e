// How gradients of quantized layers are computed.
#pragma once

#include <cstdint>

namespace fedqat {

// On the wire: never renumbered.
enum class Backward : std::uint8_t {
  kFloat = 0,  // fp32
  kInt8 = 1,   // Dense and Conv2D in integers, docs/numerics.md
};

// What the rounding of int8 gradients is drawn from: a batch has the same bits wherever and
// whenever it is computed.
struct BatchKey {
  std::uint64_t seed = 0;
  std::uint32_t round = 0;
  std::uint32_t client = 0;
  std::uint32_t batch = 0;  // of the client in the round, from 0
};

}  // namespace fedqat
