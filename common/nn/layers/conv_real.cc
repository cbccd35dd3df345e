#include "common/nn/layers/conv_real.h"

#include <algorithm>

namespace fedqat {
namespace {

constexpr int kPanel = 32;                 // channels; two vectors of the widest
constexpr int kStripElements = 16 * 1024;  // 64 KiB
constexpr int kVector = 16;

std::size_t size_of(std::ptrdiff_t n) { return static_cast<std::size_t>(n); }
int vectors(int n) { return (n + kVector - 1) / kVector; }

kernels::Window inside(const kernels::Window& w) {
  return {w.h + 2 * w.padding_h, w.w + 2 * w.padding_w, w.c, w.kh, w.kw, w.stride, 0, 0};
}

}  // namespace

ConvReal::ConvReal(const Step& step)
    : step_(step),
      sgemm_(kernels::sgemm_kernel()),
      elementwise_(kernels::elementwise()),
      inside_(inside(window_of(step))),
      pointwise_(pointwise(window_of(step))),
      channels_(step.out.c),
      fan_in_(inside_.depth()),
      segment_(inside_.kw * inside_.c),
      line_(std::ptrdiff_t{inside_.w} * inside_.c) {
  unfolds_ = inside_.kh * vectors(segment_) > vectors(fan_in_);
  const std::ptrdiff_t row = std::ptrdiff_t{step.out.w} * fan_in_;
  strip_ = static_cast<int>(std::clamp<std::ptrdiff_t>(kStripElements / row, 1, step.out.h));
  panels_ = Buffer<float>(size_of((channels_ + kPanel - 1) / kPanel * kPanel) * size_of(fan_in_));
  image_ = Buffer<float>(size_of(inside_.h * line_));
  patches_ = Buffer<float>(size_of((unfolds_ ? step.out.h : strip_) * row));
}

void ConvReal::load(const float* w) {
  for (int c = 0; c < channels_; ++c, w += fan_in_) {
    float* panel = panels_.data() + std::ptrdiff_t{c / kPanel} * kPanel * fan_in_ + c % kPanel;
    for (int k = 0; k < fan_in_; ++k) panel[std::ptrdiff_t{k} * kPanel] = w[k];
  }
}

const float* ConvReal::padded(const float* x) {
  if (step_.padding_h == 0 && step_.padding_w == 0) return x;
  const std::ptrdiff_t row = std::ptrdiff_t{step_.in.w} * step_.in.c;
  float* to = image_.data() + step_.padding_h * line_ + step_.padding_w * step_.in.c;
  for (int y = 0; y < step_.in.h; ++y, x += row, to += line_) std::copy_n(x, row, to);
  return image_.data();
}

void ConvReal::forward(const float* x, const float* bias, float floor, float* y, float* scratch) {
  kernels::SgemmArgs g{};
  g.m = step_.out.h * step_.out.w;
  g.k = fan_in_;
  g.a = padded(x);
  g.a_row = std::ptrdiff_t{inside_.stride} * inside_.c;
  g.a_col = 1;
  g.b_row = kPanel;
  g.b_col = 1;
  g.ldc = channels_;
  g.scratch = scratch;
  g.floor = floor;
  if (!pointwise_) {
    g.row_run = step_.out.w;
    g.a_row_run = inside_.stride * line_;
    g.depth_run = segment_;
    g.a_depth_run = line_;
    g.b_depth_run = std::ptrdiff_t{segment_} * kPanel;
  }
  for (int c = 0; c < channels_; c += kPanel) {
    g.n = std::min(kPanel, channels_ - c);
    g.b = panels_.data() + std::ptrdiff_t{c} * fan_in_;
    g.c = y + c;
    g.bias = bias + c;
    sgemm_.run(g);
  }
}

void ConvReal::weight_gradient(const float* dv, const float* x, bool accumulate, float* dw,
                               float* scratch) {
  sum_weights(dv, padded(x), accumulate, dw, scratch);
}

void ConvReal::weight_gradient(const float* dv, const std::uint8_t* codes, std::int32_t zero,
                               bool accumulate, float* dw, float* scratch) {
  const std::ptrdiff_t row = std::ptrdiff_t{step_.in.w} * step_.in.c;
  float* to = image_.data() + step_.padding_h * line_ + step_.padding_w * step_.in.c;
  for (int y = 0; y < step_.in.h; ++y, codes += row, to += line_) {
    elementwise_.dequantize(codes, row, 1.0F, zero, to);
  }
  sum_weights(dv, image_.data(), accumulate, dw, scratch);
}

void ConvReal::sum_weights(const float* dv, const float* image, bool accumulate, float* dw,
                           float* scratch) {
  kernels::SgemmArgs g{};
  g.m = channels_;
  g.k = step_.out.h * step_.out.w;
  g.a = dv;
  g.a_row = 1;
  g.a_col = channels_;
  g.b_col = 1;
  g.c = dw;
  g.ldc = fan_in_;
  g.accumulate = accumulate;
  g.scratch = scratch;
  if (pointwise_ || unfolds_) {
    if (unfolds_) kernels::im2col(inside_, image, 0.0F, patches_.data(), fan_in_);
    g.n = fan_in_;
    g.b = unfolds_ ? patches_.data() : image;
    g.b_row = fan_in_;
    return sgemm_.run(g);
  }
  g.n = segment_;
  g.b_row = std::ptrdiff_t{inside_.stride} * inside_.c;
  g.depth_run = step_.out.w;
  g.a_depth_run = std::ptrdiff_t{step_.out.w} * channels_;
  g.b_depth_run = inside_.stride * line_;
  for (int ky = 0; ky < inside_.kh; ++ky) {
    g.b = image + ky * line_;
    g.c = dw + std::ptrdiff_t{ky} * segment_;
    sgemm_.run(g);
  }
}

void ConvReal::input_gradient(const float* dv, const float* w, bool add, float* dx,
                              float* scratch) {
  kernels::SgemmArgs g{};
  g.n = fan_in_;
  g.k = channels_;
  g.a_row = channels_;
  g.a_col = 1;
  g.b = w;
  g.b_row = fan_in_;
  g.b_col = 1;
  g.ldc = fan_in_;
  g.scratch = scratch;
  if (pointwise_) {
    g.m = step_.out.h * step_.out.w;
    g.a = dv;
    g.c = dx;
    g.accumulate = add;
    return sgemm_.run(g);
  }
  if (!add) std::fill_n(dx, step_.in.size(), 0.0F);
  const kernels::Window window = window_of(step_);
  g.c = patches_.data();
  for (int oy = 0; oy < step_.out.h; oy += strip_) {
    const int end = std::min(oy + strip_, step_.out.h);
    g.m = (end - oy) * step_.out.w;
    g.a = dv + std::ptrdiff_t{oy} * step_.out.w * channels_;
    sgemm_.run(g);
    kernels::col2im(window, patches_.data(), fan_in_, oy, end, dx);
  }
}

}  // namespace fedqat
