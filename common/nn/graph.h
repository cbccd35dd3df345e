// A ModelSpec made ready to run: BatchNorm and ReLU fused into their producer, Flatten gone, every
// trainable tensor at its place in one flat parameter vector, every activation with its quantizer.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/nn/model_spec.h"
#include "common/quant/quant_spec.h"

namespace fedqat {

// On the wire: never renumbered.
enum class ParamKind : std::uint8_t {
  kWeight = 1,           // [channels, fan_in]
  kBias = 2,             // [channels]
  kWeightScale = 3,      // [channels] or [1], log2 of the weight scale
  kActivationScale = 4,  // [1], log2 of the activation scale
  // [channels], of batch normalization (batch_norm.h). They move in fp32 phases only.
  kGamma = 5,
  kBeta = 6,
  kRunningMean = 7,
  kRunningVariance = 8,   // >= 0
  kActivationOffset = 9,  // [1], share of the codes below real 0; with RangeRule::kLsqPlus
};

struct ParamTensor {
  std::string name;  // "conv1.weight", "conv1.bias", "conv1.gamma", "conv1.weight_scale"...
  ParamKind kind = ParamKind::kWeight;
  std::size_t offset = 0;  // in the flat vector
  std::size_t size = 0;
  int channels = 1;  // outer dimension; size / channels elements each
  int step = 0;      // index into Graph::steps
};

// Log2 scales and offsets are learnt, sent and averaged in other ways than weights and biases.
inline bool is_scale(const ParamTensor& p) {
  return p.kind == ParamKind::kWeightScale || p.kind == ParamKind::kActivationScale ||
         p.kind == ParamKind::kActivationOffset;
}

inline bool is_batch_norm(const ParamTensor& p) {
  return p.kind >= ParamKind::kGamma && p.kind <= ParamKind::kRunningVariance;
}

// Running statistics are not trained: nothing but their mean over clients moves them.
inline bool is_statistic(const ParamTensor& p) {
  return p.kind == ParamKind::kRunningMean || p.kind == ParamKind::kRunningVariance;
}

inline constexpr int kNone = -1;

// One operation on values; a value is the output of a step, value 0 the network's input.
struct Step {
  Op op = Op::kInput;
  std::string name;
  std::vector<int> inputs = {};  // values
  int output = 0;                // value; steps[i].output == i + 1
  bool relu = false;             // fused: the output is clamped below at real 0
  bool batch_norm = false;       // fused, before the ReLU; of steps with weights
  Shape in = {};                 // of inputs[0]
  Shape out = {};
  int kernel_h = 1, kernel_w = 1, stride = 1, padding_h = 0, padding_w = 0;
  int weight = kNone, bias = kNone;                    // indices into Graph::params
  int gamma = kNone, beta = kNone;                     // "; with batch_norm
  int running_mean = kNone, running_variance = kNone;  // "
  int weight_scale = kNone;                            // "
  int activation_scale = kNone;   // "; kNone: the output shares its input's quantizer
  int activation_offset = kNone;  // "; with kLsqPlus, but not behind a ReLU
  int weight_bits = kFloatBits;
  int activation_bits = kFloatBits;
  std::uint64_t macs = 0;  // per sample

  bool has_weights() const { return weight != kNone; }
  bool requantizes() const {
    return op == Op::kDense || op == Op::kConv2d || op == Op::kDepthwiseConv2d ||
           op == Op::kAvgPool || op == Op::kAdd;
  }
};

struct Graph {
  ModelSpec spec;
  QuantSpec quant;
  std::vector<Step> steps = {};
  std::vector<ParamTensor> params = {};
  std::size_t param_count = 0;   // of all kinds, length of the flat vector
  std::size_t weight_count = 0;  // kWeight and kBias only: "parameters" as reported
  std::uint64_t macs = 0;        // per sample
};

// kInvalid: what infer_shapes() refuses; fan-in above 32768 (int32 sums must be exact); bad bits,
// or of no layer; a network too large for the memory of small machines (2^26 parameters, 2^24
// values a sample).
Result<Graph> build_graph(const ModelSpec& spec, const QuantSpec& quant);

}  // namespace fedqat
