#include "common/nn/layers/input_gradient.h"

#include <algorithm>
#include <cstring>

namespace fedqat {
namespace {

constexpr int kStripSums = 1 << 15;  // 128 KiB
constexpr int kStripWeights = 1 << 18;
constexpr int kLeastColumns = 64;
constexpr int kLeastChannels = 12;   // of the input, to fill the vectors of a product with them
constexpr std::uint8_t kZero = 128;  // code of a gradient of 0

std::size_t size_of(std::ptrdiff_t n) { return static_cast<std::size_t>(n); }

}  // namespace

InputGradient::InputGradient(const Step& step, const LayerMemory& memory)
    : step_(step), qgemm_(kernels::qgemm_kernel()), gradient_(kernels::gradient()) {
  const int c = step.out.c;
  product_.a_zero = kZero;
  if (step.op == Op::kDense) {
    product_.n = static_cast<int>(step.in.size());
    product_.k = c;
    const int columns = std::min(kStripSums / memory.max_batch, kStripWeights / c);
    strip_ = std::max(columns / kLeastColumns, 1) * kLeastColumns;
    product_.n = std::min(strip_, product_.n);
    memory.plan.add(acc_, size_of(std::ptrdiff_t{memory.max_batch} * product_.n),
                    {memory.backward});
  } else {
    const int above = step.kernel_h - 1 - step.padding_h, left = step.kernel_w - 1 - step.padding_w;
    correlates_ = step.stride == 1 && above >= 0 && left >= 0 && step.in.c >= kLeastChannels;
    turned_ = {step.out.h, step.out.w, c, step.kernel_h, step.kernel_w, 1, above, left};
    product_.n = correlates_ ? step.in.c : window_of(step).depth();
    product_.k = correlates_ ? turned_.depth() : c;
    // A strip is whole rows of the image that the product gives, or takes.
    const int width = correlates_ ? step.in.w : step.out.w;
    const int height = correlates_ ? step.in.h : step.out.h;
    strip_ = std::clamp(kStripSums / (width * product_.n), 1, height);
    memory.plan.add(acc_, size_of(std::ptrdiff_t{strip_} * width * product_.n), {memory.backward});
    if (correlates_) {
      unfold_.emplace(turned_);
      patch_ld_ = (std::ptrdiff_t{product_.k} + 3) / 4 * 4;
      memory.plan.add(patches_, size_of(std::ptrdiff_t{height} * width * patch_ld_),
                      {memory.backward});
      memory.plan.add(turned_codes_, size_of(std::ptrdiff_t{product_.k} * product_.n),
                      {memory.backward});
    } else {
      memory.plan.add(image_, step.in.size(), {memory.backward});
    }
  }
  product_.ldacc = product_.n;
  memory.plan.add(packed_, qgemm_.packed_bytes(product_.n, product_.k), {memory.backward});
}

void InputGradient::load(const std::int8_t* codes) {
  codes_ = codes;
  product_.acc = acc_.data();
  product_.b_packed = packed_.data();
  if (step_.op == Op::kDense) return;  // a strip at a time
  const std::int8_t* from = codes;
  if (correlates_) {  // [c, ky, kx, in] -> [ky, kx, c, in], both kernel axes turned round
    const int c = step_.out.c, in = step_.in.c, area = step_.kernel_h * step_.kernel_w;
    for (int i = 0; i < c; ++i) {
      for (int k = 0; k < area; ++k) {
        std::memcpy(turned_codes_.data() + (std::ptrdiff_t{area - 1 - k} * c + i) * in,
                    codes + (std::ptrdiff_t{i} * area + k) * in, size_of(in));
      }
    }
    from = turned_codes_.data();
  }
  qgemm_.pack_transposed(from, product_.n, product_.n, product_.k, packed_.data());
}

void InputGradient::conv(const std::uint8_t* q8, int samples, float unit, bool add, float* dx) {
  for (int s = 0; s < samples; ++s, q8 += step_.out.size(), dx += step_.in.size()) {
    correlates_ ? correlate(q8, unit, add, dx) : scatter(q8, unit, add, dx);
  }
}

void InputGradient::dense(const std::uint8_t* q8, int samples, float unit, bool add, float* dx,
                          Share strips) {
  const auto in = static_cast<int>(step_.in.size());
  kernels::QgemmArgs g = product_;
  g.a = q8;
  g.lda = g.k;
  g.m = samples;
  const int end = std::min(strips.end * strip_, in);
  for (int first = strips.first * strip_; first < end; first += strip_) {
    g.n = std::min(strip_, in - first);
    g.ldacc = g.n;
    qgemm_.pack_transposed(codes_ + first, in, g.n, g.k, packed_.data());
    qgemm_.run(g);
    for (std::ptrdiff_t s = 0; s < samples; ++s) {
      gradient_.scale_sums(acc_.data() + s * g.n, g.n, unit, add, dx + s * in + first);
    }
  }
}

void InputGradient::correlate(const std::uint8_t* q8, float unit, bool add, float* dx) {
  unfold_->rows(q8, kZero, patches_.data(), patch_ld_);
  kernels::QgemmArgs g = product_;
  g.lda = patch_ld_;
  for (int y = 0; y < step_.in.h; y += strip_) {
    const std::ptrdiff_t first = std::ptrdiff_t{y} * step_.in.w;
    g.m = std::min(strip_, step_.in.h - y) * step_.in.w;
    g.a = patches_.data() + first * patch_ld_;
    qgemm_.run(g);
    gradient_.scale_sums(acc_.data(), std::ptrdiff_t{g.m} * g.n, unit, add, dx + first * g.n);
  }
}

void InputGradient::scatter(const std::uint8_t* q8, float unit, bool add, float* dx) {
  std::fill_n(image_.data(), image_.size(), 0);
  kernels::QgemmArgs g = product_;
  g.lda = g.k;
  for (int y = 0; y < step_.out.h; y += strip_) {
    const int end = std::min(step_.out.h, y + strip_);
    g.m = (end - y) * step_.out.w;
    g.a = q8 + std::ptrdiff_t{y} * step_.out.w * g.k;
    qgemm_.run(g);
    kernels::col2im(window_of(step_), acc_.data(), g.n, y, end, image_.data());
  }
  gradient_.scale_sums(image_.data(), static_cast<std::ptrdiff_t>(image_.size()), unit, add, dx);
}

}  // namespace fedqat
