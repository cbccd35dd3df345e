// The deployed arithmetic of Dense and Conv2D (docs/numerics.md), as integer_ops.h has that of
// other steps: trainer and engine both run it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/team.h"
#include "common/kernels/qgemm/qgemm.h"
#include "common/nn/integer_ops.h"
#include "common/tensor/buffer.h"
#include "common/tensor/memory_plan.h"

namespace fedqat {

// Threads of the team, null or not, that products of a Dense or Conv2D step are worth.
int parts_of(const Team* team, const Step& step, int samples);

// Windows of a conv2d's codes as rows: kernels/im2col, from a copy of the image with its padding.
class Patches {
 public:
  explicit Patches(const kernels::Window& window);
  void rows(const std::uint8_t* x, std::uint8_t outside, std::uint8_t* patches, std::ptrdiff_t ld);
  // The image in its padding, until the next call: x itself where there is none.
  const std::uint8_t* padded(const std::uint8_t* x, std::uint8_t outside);
  const kernels::Window& inside() const { return inside_; }
  void quads(const std::uint8_t* x, std::uint8_t outside, std::uint8_t* patches, std::ptrdiff_t ld);

 private:
  const kernels::Window window_;
  const kernels::Window inside_;  // of the padded image
  Buffer<std::uint8_t> padded_;
};

// Dense and Conv2D: acc = bias + (x - z_x) * w; y = clamp(rint(acc * mult) + z_y).
class LinearInt {
 public:
  explicit LinearInt(const Step& step);  // with memory of its own
  // Memory of the plan, from set() to the last forward() within `life`. For weights that are used
  // once: those of large Dense steps are packed as forward() comes to them, and never all at once.
  // forward() shares its work among the team.
  LinearInt(const Step& step, MemoryPlan& plan, Lifetime life, Team& team);

  // w [channels, fan_in], scales and bias [channels]. Copies what it needs but for w, which, with
  // memory of a plan, must stay until forward().
  void set(const std::int8_t* w, const float* w_scale, const std::int32_t* bias, const ValueGrid& x,
           const ValueGrid& y);

  // x [n, in]; y [n, out], and on request what backward passes need: acc [n, out] or
  // residual [n, out] (kernels/qgemm/qgemm.h), else null.
  void forward(const std::uint8_t* x, int n, std::uint8_t* y, std::int32_t* acc = nullptr,
               std::int8_t* residual = nullptr);

  // Of the last set(), repeated joined_rows(channels) times.
  const std::vector<float>& wide_mult() const { return wide_mult_; }

  // Whether forward_pooled() is there for a MaxPool of this step's outputs.
  bool pools(const Step& pool) const;
  // forward() and the pool: y [n, pool.out], the same codes. Sums are compared before they are
  // rounded, which are fewer then.
  void forward_pooled(const std::uint8_t* x, int n, std::uint8_t* y);

 private:
  // What a thread works with.
  struct Lane {
    std::optional<Patches> unfold;
    Buffer<std::uint8_t> patches;
    Buffer<std::byte> packed;  // of a block of channels
  };
  LinearInt(const Step& step, MemoryPlan* plan, Lifetime life, Team* team);
  kernels::QgemmArgs args() const;
  bool in_windows() const;
  bool in_blocks() const { return packed_channels_ < step_.out.c; }
  // n samples
  void forward_rows(const std::uint8_t* x, int n, kernels::QgemmArgs g, Lane& lane) const;
  void forward_patches(const std::uint8_t* x, int n, kernels::QgemmArgs g, Lane& lane) const;
  void forward_windows(const std::uint8_t* x, int n, kernels::QgemmArgs g, Lane& lane) const;
  // All samples, some blocks of channels.
  void forward_blocks(const std::uint8_t* x, int n, kernels::QgemmArgs g, Share blocks,
                      Lane& lane) const;
  // Of a sample: windows where they lie in the image.
  void place_windows(kernels::QgemmArgs& g) const;

  const Step step_;
  const kernels::QgemmKernel& qgemm_;
  int fan_in_ = 0;
  int depth_ = 0;  // of the product: fan_in_, or with a run of each window's row padded to quads
  int packed_channels_;  // fewer than all: a block at a time
  const std::int8_t* w_ = nullptr;
  std::ptrdiff_t patch_ld_ = 0;
  Team* const team_;  // null: this thread alone
  std::vector<Lane> lanes_;
  Buffer<std::byte> packed_;
  Buffer<std::int32_t> strip_;     // sums of some lines of outputs, of forward_pooled()
  std::vector<std::int8_t> runs_;  // weights [channels, depth_], where depth_ > fan_in_
  std::vector<std::int32_t> bias_;
  std::vector<float> mult_, wide_mult_;
  ValueGrid x_, y_;
};

}  // namespace fedqat
