// How many bits which part of a network gets.
#pragma once

namespace fedqat {

inline constexpr int kFloatBits = 32;  // "not quantized"

struct QuantSpec {
  int weight_bits = 8;      // 2..8, or kFloatBits together with activation_bits
  int activation_bits = 8;  // 2..8; kFloatBits with fewer for weights: is_dynamic()
  int edge_bits = 8;        // first and last layer's weights, and the outputs of the last layer

  bool is_float() const { return weight_bits == kFloatBits; }
  // Values are quantized at run time (nn/dynamic_engine.h): for inference only, never trained.
  bool is_dynamic() const { return !is_float() && activation_bits == kFloatBits; }
};

}  // namespace fedqat
