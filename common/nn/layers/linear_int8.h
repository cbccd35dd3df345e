// The int8 backward pass of Dense and Conv2D: docs/numerics.md, "Training".
#pragma once

#include <optional>
#include <vector>

#include "common/kernels/qgemm_tn/qgemm_tn.h"
#include "common/nn/layers/gradient_codes.h"
#include "common/nn/layers/input_gradient.h"
#include "common/nn/layers/layer.h"

namespace fedqat {

class LinearInt8 {
 public:
  // Whether all its sums are exact in int32; the gradients of other steps stay fp32.
  static bool fits(const Step& step);
  // The backward pass of such a step runs on it.
  static bool takes(const Step& step, bool integers, Backward backward);

  LinearInt8(const Graph& graph, const Step& step, const LayerMemory& memory);

  // scales [channels], used until the next load(). Sets codes [channels, fan_in], which backward()
  // takes up again where the input wants a gradient.
  void load(const Pass& pass, const float* scales, std::int8_t* codes);

  // Gradients as Layer::backward().
  void backward(const Pass& pass);

 private:
  struct Block {
    int first, samples;
  };
  // What a thread works with, on samples of its own or, where all sums of a channel are made at
  // once, on channels.
  struct Lane {
    std::optional<GradientCodes> codes;
    std::optional<InputGradient> input;
    std::optional<Patches> unfold;
    Buffer<std::uint8_t> q8, patches;
    Buffer<std::int8_t> digits;
    Buffer<std::int32_t> sums, bias_sums;
    Buffer<float> row;  // a channel's gradient on its way to the sink
  };
  void take_lane(const LayerMemory& memory, Lane& lane);
  // All elements that have a gradient, from a sample on.
  kernels::GradientMatrix output(const Pass& pass, int first) const;
  float range(const Pass& pass);
  void backward_conv(const Pass& pass, float range);
  void backward_dense(const Pass& pass, float range);
  void round(const Pass& pass, float range, Block block, Lane& lane, std::uint8_t* q8,
             std::int8_t* digits) const;
  void sum_conv(const Pass& pass, Block block, bool accumulate, Lane& lane) const;
  // Into the first lane's sums those of the others.
  void join_lanes(int lanes);
  void keep_sums(bool earlier);
  void dense_weights(const Pass& pass, float range, Share blocks, Lane& lane);
  // Gradients of the parameters of some channels from these sums of them.
  void set_gradients(const Pass& pass, float range, Share channels, bool earlier,
                     const std::int32_t* sums, const std::int32_t* bias_sums, Lane& lane);
  void set_scales(const Pass& pass);
  void clear(const Pass& pass);
  const float* weights(const Pass& pass) const;
  std::span<float> grad(const Pass& pass, int index) const;

  const Graph& graph_;
  const Step step_;
  Team& team_;
  const kernels::QgemmTnKernel& qgemm_tn_;
  const kernels::GradientKernels& gradient_;
  const bool conv_;
  const int channels_;
  const int fan_in_;
  const std::ptrdiff_t sum_ld_;  // of sums: whole cache lines
  const Sheets sheets_;
  const std::ptrdiff_t grads_;  // elements of a sample that have a gradient
  const float* scales_ = nullptr;
  const std::int8_t* codes_ = nullptr;
  std::vector<Lane> lanes_;
  std::vector<float> wide_scale_, scale_lanes_;
  std::vector<float> dscales_;  // [channels]
  std::ptrdiff_t patch_ld_ = 0;
  // Of Dense, whole batches:
  Buffer<std::uint8_t> q8_;
  Buffer<std::int8_t> digits_;
  Buffer<float> earlier_, bias_earlier_;  // sums of the samples before
};

}  // namespace fedqat
