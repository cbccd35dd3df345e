#include "common/nn/linear_int.h"

#include <algorithm>
#include <type_traits>

#include "common/kernels/elementwise/elementwise.h"

namespace fedqat {
namespace {

constexpr int kPooledChannels = 32;          // at least: fewer are as well pooled afterwards
constexpr std::ptrdiff_t kStripSums = 4096;  // 16 KiB, in L1
constexpr int kPackedBlock = 1 << 18;        // weights
constexpr int kLeastChannels = 64;           // whole panels of every kernel

// Outputs further on.
void skip(kernels::QgemmArgs& g, std::ptrdiff_t outputs) {
  g.y += outputs;
  if (g.acc != nullptr) g.acc += outputs;
  if (g.residual != nullptr) g.residual += outputs;
}

template <class Work>
void in_parts(Team* team, int parts, const Work& work) {
  parts == 1 ? work(0) : team->run(parts, work);
}

}  // namespace

int parts_of(const Team* team, const Step& step, int samples) {
  constexpr std::int64_t kWorthIt = 1 << 20;  // multiplications: some 5 us, as waking a thread
  if (team == nullptr || team->size() == 1) return 1;
  const std::int64_t each =
      step.op == Op::kDense ? static_cast<std::int64_t>(step.in.size()) : window_of(step).depth();
  return each * static_cast<std::int64_t>(step.out.size()) * samples < kWorthIt ? 1 : team->size();
}

Patches::Patches(const kernels::Window& w)
    : window_(w),
      inside_{w.h + 2 * w.padding_h, w.w + 2 * w.padding_w, w.c, w.kh, w.kw, w.stride, 0, 0} {
  if (w.padding_h > 0 || w.padding_w > 0) {
    padded_ = Buffer<std::uint8_t>(static_cast<std::size_t>(inside_.h) *
                                   static_cast<std::size_t>(inside_.w * inside_.c));
  }
}

const std::uint8_t* Patches::padded(const std::uint8_t* x, std::uint8_t outside) {
  if (padded_.size() == 0) return x;
  kernels::pad_image(window_, x, outside, padded_.data());
  return padded_.data();
}

void Patches::rows(const std::uint8_t* x, std::uint8_t outside, std::uint8_t* patches,
                   std::ptrdiff_t ld) {
  kernels::im2col(inside_, padded(x, outside), outside, patches, ld);
}

void Patches::quads(const std::uint8_t* x, std::uint8_t outside, std::uint8_t* patches,
                    std::ptrdiff_t ld) {
  kernels::im2col_quads(inside_, padded(x, outside), outside, patches, ld);
}

LinearInt::LinearInt(const Step& step) : LinearInt(step, nullptr, {}, nullptr) {}

LinearInt::LinearInt(const Step& step, MemoryPlan& plan, Lifetime life, Team& team)
    : LinearInt(step, &plan, life, &team) {}

LinearInt::LinearInt(const Step& step, MemoryPlan* plan, Lifetime life, Team* team)
    : step_(step),
      qgemm_(kernels::qgemm_kernel()),
      packed_channels_(step.out.c),
      team_(team),
      lanes_(team != nullptr ? static_cast<std::size_t>(team->size()) : 1) {
  const auto take = [&](auto& buffer, std::size_t size) {
    if (plan != nullptr) return plan->add(buffer, size, {life});
    buffer = std::remove_reference_t<decltype(buffer)>(size);
  };
  const bool conv = step.op == Op::kConv2d;
  fan_in_ = conv ? window_of(step).depth() : static_cast<int>(step.in.size());
  depth_ = fan_in_;
  for (Lane& lane : lanes_) {
    if (conv && !pointwise(window_of(step))) lane.unfold.emplace(window_of(step));
  }
  if (in_windows()) {
    depth_ = step.kernel_h * ((step.kernel_w * step.in.c + 3) / 4 * 4);
    if (depth_ > fan_in_) runs_.resize(static_cast<std::size_t>(step.out.c * depth_));
  }
  if (plan != nullptr && !conv) {
    const int fit = kPackedBlock / depth_ / kLeastChannels * kLeastChannels;
    packed_channels_ = std::min(step.out.c, std::max(fit, kLeastChannels));
  }
  const std::size_t packed = qgemm_.packed_bytes(packed_channels_, depth_);
  if (!in_blocks()) take(packed_, packed);
  patch_ld_ = (std::ptrdiff_t{fan_in_} + 3) / 4 * 4;
  for (Lane& lane : lanes_) {
    if (in_blocks()) take(lane.packed, packed);
    if (!lane.unfold || in_windows()) continue;
    take(lane.patches, static_cast<std::size_t>(samples_per_block(step)) *
                           static_cast<std::size_t>(step.out.h * step.out.w) *
                           static_cast<std::size_t>(patch_ld_));
  }
  bias_.resize(static_cast<std::size_t>(step.out.c));
  mult_.resize(static_cast<std::size_t>(step.out.c));
}

void LinearInt::set(const std::int8_t* w, const float* w_scale, const std::int32_t* bias,
                    const ValueGrid& x, const ValueGrid& y) {
  x_ = x;
  y_ = y;
  if (!runs_.empty()) {
    const int run = step_.kernel_w * step_.in.c;
    for (int i = 0; i < step_.out.c * step_.kernel_h; ++i) {
      std::copy_n(w + i * run, run, runs_.data() + i * (depth_ / step_.kernel_h));
    }
    w = runs_.data();
  }
  w_ = w;
  if (!in_blocks()) qgemm_.pack(w, depth_, step_.out.c, depth_, packed_.data());
  std::copy_n(bias, bias_.size(), bias_.begin());
  for (std::size_t c = 0; c < mult_.size(); ++c) mult_[c] = (x.scale * w_scale[c]) / y.scale;
  repeat_channels(mult_, wide_mult_);
}

kernels::QgemmArgs LinearInt::args() const {
  kernels::QgemmArgs g{};
  g.n = step_.out.c;
  g.k = depth_;
  g.a_zero = x_.code.zero;
  g.b_packed = packed_.data();
  g.bias = bias_.data();
  g.mult = mult_.data();
  g.grid = y_.code;
  g.ldacc = g.ldy = g.ldresidual = step_.out.c;
  return g;
}

void LinearInt::forward(const std::uint8_t* x, int n, std::uint8_t* y, std::int32_t* acc,
                        std::int8_t* residual) {
  kernels::QgemmArgs g = args();
  g.y = y;
  g.acc = acc;
  g.residual = residual;
  if (in_blocks()) {
    const int blocks = (g.n + packed_channels_ - 1) / packed_channels_;
    const int parts = std::min(parts_of(team_, step_, n), blocks);
    return in_parts(team_, parts, [&](int part) {
      forward_blocks(x, n, g, share_of(blocks, part, parts),
                     lanes_[static_cast<std::size_t>(part)]);
    });
  }
  const int parts = std::min(parts_of(team_, step_, n), n);
  in_parts(team_, parts, [&](int part) {
    const Share s = share_of(n, part, parts);
    kernels::QgemmArgs own = g;
    skip(own, s.first * static_cast<std::ptrdiff_t>(step_.out.size()));
    forward_rows(x + s.first * static_cast<std::ptrdiff_t>(step_.in.size()), s.size(), own,
                 lanes_[static_cast<std::size_t>(part)]);
  });
}

void LinearInt::forward_rows(const std::uint8_t* x, int n, kernels::QgemmArgs g, Lane& lane) const {
  if (in_windows()) return forward_windows(x, n, g, lane);
  if (lane.unfold) return forward_patches(x, n, g, lane);
  g.m = n * step_.out.h * step_.out.w;
  g.a = x;
  g.lda = fan_in_;
  qgemm_.run(g);
}

void LinearInt::forward_patches(const std::uint8_t* x, int n, kernels::QgemmArgs g,
                                Lane& lane) const {
  const int rows = step_.out.h * step_.out.w;
  const auto in = static_cast<std::ptrdiff_t>(step_.in.size());
  g.a = lane.patches.data();
  g.lda = patch_ld_;
  for (int first = 0; first < n; first += samples_per_block(step_)) {
    const int samples = std::min(samples_per_block(step_), n - first);
    for (int s = 0; s < samples; ++s) {
      lane.unfold->rows(x + (first + s) * in, static_cast<std::uint8_t>(x_.code.zero),
                        lane.patches.data() + s * rows * patch_ld_, patch_ld_);
    }
    g.m = samples * rows;
    qgemm_.run(g);
    skip(g, samples * static_cast<std::ptrdiff_t>(step_.out.size()));
  }
}

void LinearInt::forward_blocks(const std::uint8_t* x, int n, kernels::QgemmArgs g, Share blocks,
                               Lane& lane) const {
  g.m = n;
  g.a = x;
  g.lda = fan_in_;
  g.b_packed = lane.packed.data();
  const int begin = blocks.first * packed_channels_;
  const int end = std::min(blocks.end * packed_channels_, step_.out.c);
  g.bias += begin;
  g.mult += begin;
  skip(g, begin);
  for (int c = begin; c < end; c += g.n) {
    g.n = std::min(packed_channels_, end - c);
    qgemm_.pack(w_ + std::ptrdiff_t{c} * depth_, depth_, g.n, depth_, lane.packed.data());
    qgemm_.run(g);
    g.bias += g.n;
    g.mult += g.n;
    skip(g, g.n);
  }
}

// Few windows beside each other make short tiles: then unfolding costs less.
bool LinearInt::in_windows() const {
  constexpr int kFew = 8;
  return lanes_[0].unfold && qgemm_.windows && step_.out.w >= kFew;
}

void LinearInt::place_windows(kernels::QgemmArgs& g) const {
  const kernels::Window& w = lanes_[0].unfold->inside();
  g.m = step_.out.h * step_.out.w;
  g.lda = std::ptrdiff_t{w.stride} * w.c;
  g.runs = w.kh;
  g.run_stride = std::ptrdiff_t{w.w} * w.c;
  g.group_rows = step_.out.w;
  g.group_stride = w.stride * g.run_stride;
}

// Sample after sample.
void LinearInt::forward_windows(const std::uint8_t* x, int n, kernels::QgemmArgs g,
                                Lane& lane) const {
  place_windows(g);
  for (int s = 0; s < n; ++s, x += step_.in.size()) {
    g.a = lane.unfold->padded(x, static_cast<std::uint8_t>(x_.code.zero));
    qgemm_.run(g);
    skip(g, static_cast<std::ptrdiff_t>(step_.out.size()));
  }
}

bool LinearInt::pools(const Step& pool) const {
  return in_windows() && step_.out.c >= kPooledChannels && pool.op == Op::kMaxPool &&
         pool.kernel_h == 2 && pool.kernel_w == 2 && pool.stride == 2;
}

void LinearInt::forward_pooled(const std::uint8_t* x, int n, std::uint8_t* y) {
  const std::ptrdiff_t line = std::ptrdiff_t{step_.out.w} * step_.out.c;
  const int pooled = step_.out.h / 2, width = step_.out.w / 2;
  const int together =
      static_cast<int>(std::clamp<std::ptrdiff_t>(kStripSums / (2 * line), 1, pooled));
  if (strip_.size() == 0) {
    strip_ = Buffer<std::int32_t>(static_cast<std::size_t>(2 * line * together));
  }
  kernels::QgemmArgs g = args();
  place_windows(g);
  g.acc = strip_.data();
  const auto& elementwise = kernels::elementwise();
  for (int s = 0; s < n; ++s, x += step_.in.size()) {
    const std::uint8_t* image =
        lanes_[0].unfold->padded(x, static_cast<std::uint8_t>(x_.code.zero));
    for (int first = 0; first < pooled; first += together) {
      const int lines = std::min(together, pooled - first);
      g.m = 2 * lines * step_.out.w;
      g.a = image + 2 * first * g.group_stride;
      qgemm_.run(g);
      for (int i = 0; i < lines; ++i, y += std::ptrdiff_t{width} * step_.out.c) {
        elementwise.requantize_maxima(strip_.data() + 2 * i * line, line, width, step_.out.c,
                                      mult_.data(), y_.code, y);
      }
    }
  }
}

}  // namespace fedqat
