// How many bits which part of a network gets.
#pragma once

namespace fedqat {

inline constexpr int kFloatBits = 32;  // "not quantized"

struct QuantSpec {
  int weight_bits = 8;      // 2..8, or kFloatBits together with activation_bits
  int activation_bits = 8;  // 2..8
  int edge_bits = 8;        // first and last layer's weights, and the outputs of the last layer

  bool is_float() const { return weight_bits == kFloatBits; }
};

}  // namespace fedqat
