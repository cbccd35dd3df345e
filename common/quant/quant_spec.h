// How many bits which part of a network gets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fedqat {

inline constexpr int kFloatBits = 32;  // "not quantized"

// By which rule training learns the ranges of activations (docs/numerics.md, "Ranges of
// activations"). On the wire: never renumbered.
enum class RangeRule : std::uint8_t {
  kLsq = 0,         // [Esser20]
  kLsqPlus = 1,     // and the zero point [Bhalgat20]
  kPact = 2,        // gradient of clipped values alone [Choi18]
  kTqt = 3,         // scales are powers of two [Jain20]
  kEma = 4,         // moving average of batches' ends, no gradient [Jacob18]
  kPercentile = 5,  // moving average of batches' percentiles, no gradient
};
inline constexpr std::uint32_t kLastRangeRule = 5;

// Bits of one layer in place of those of its network. 0: those of the network.
struct LayerBits {
  std::string layer;        // Step::name
  int weight_bits = 0;      // 2..8
  int activation_bits = 0;  // 2..8, of its outputs
};

struct QuantSpec {
  int weight_bits = 8;      // 2..8, or kFloatBits together with activation_bits
  int activation_bits = 8;  // 2..8; kFloatBits with fewer for weights: is_dynamic()
  int edge_bits = 8;        // first and last layer's weights, and the outputs of the last layer
  // Of training; a deployed model is the same without them.
  bool tensor_weight_scales = false;  // one a tensor instead of one a channel
  RangeRule range_rule = RangeRule::kLsq;
  float percentile = 100;  // of kPercentile: per cent of a batch's values within the range
  std::vector<LayerBits> layers = {};  // each layer once; none in fp32

  bool is_float() const { return weight_bits == kFloatBits; }
  // Ranges come from what a batch shows instead of gradients.
  bool observes() const {
    return range_rule == RangeRule::kEma || range_rule == RangeRule::kPercentile;
  }
  QuantSpec in_fp32() const {
    QuantSpec q = *this;
    q.weight_bits = q.activation_bits = kFloatBits;
    q.layers.clear();
    return q;
  }
  // Values are quantized at run time (nn/dynamic_engine.h): for inference only, never trained.
  bool is_dynamic() const { return !is_float() && activation_bits == kFloatBits; }
};

}  // namespace fedqat
