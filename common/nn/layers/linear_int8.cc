// qgemm_tn takes gradients in quads of rows, byte by byte. To make quads from whole vectors, the
// output rows come in sheets of four strips, and a quad has a row of each strip: a sheet of Conv2D
// is a sample (im2col_quads() lays its patches out alike), of Dense four samples.
#include "common/nn/layers/linear_int8.h"

#include <algorithm>

#include "common/kernels/pool/pool.h"

namespace fedqat {
namespace {

constexpr float kSmallestRange = 0x1p-100F;  // 32512 / range stays finite
constexpr int kLanes = 256;                  // at least so many for the scale's gradient
constexpr int kDigits = 2;
constexpr std::uint8_t kZeroGradient = 128;  // in 8 bits
// Dense: channels whose sums are there at once, and bytes of these.
constexpr int kChannelBlock = 64;
constexpr std::ptrdiff_t kSumBytes = 1 << 19;

int rows_of(const Step& s) { return s.op == Op::kDense ? 1 : s.out.h * s.out.w; }
int fan_in_of(const Step& s) {
  return s.op == Op::kDense ? static_cast<int>(s.in.size()) : window_of(s).depth();
}
std::size_t product(std::ptrdiff_t a, std::ptrdiff_t b) { return static_cast<std::size_t>(a * b); }
int channels_per_sum(const Step& s, std::ptrdiff_t sum_ld) {
  if (s.op == Op::kConv2d) return s.out.c;
  const std::ptrdiff_t fit = kSumBytes / (kDigits * sum_ld * 4);
  return static_cast<int>(std::clamp<std::ptrdiff_t>(fit, 1, std::min(s.out.c, kChannelBlock)));
}
int samples_per_sum(const Step& s) { return kernels::kMaxRows / rows_of(s); }

}  // namespace

bool LinearInt8::fits(const Step& s) {
  return rows_of(s) <= kernels::kMaxRows &&
         std::int64_t{s.out.c} * s.kernel_h * s.kernel_w <= kernels::kMaxDepth;
}

bool LinearInt8::takes(const Step& s, bool integers, Backward backward) {
  return integers && backward == Backward::kInt8 && fits(s) &&
         (s.op == Op::kDense || s.op == Op::kConv2d);
}

LinearInt8::LinearInt8(const Graph& graph, const Step& step, const LayerMemory& memory)
    : graph_(graph),
      step_(step),
      qgemm_tn_(kernels::qgemm_tn_kernel()),
      gradient_(kernels::gradient()),
      conv_(step.op == Op::kConv2d),
      channels_(step.out.c),
      fan_in_(fan_in_of(step)),
      sum_ld_((std::ptrdiff_t{fan_in_} + 15) / 16 * 16),
      sheet_samples_(conv_ ? 1 : 4),
      sheet_rows_(conv_ ? rows_of(step) : 4),
      quads_((sheet_rows_ + 3) / 4),
      grads_(static_cast<std::ptrdiff_t>(
          (memory.maxima != nullptr ? *memory.maxima : step).out.size())) {
  const int max_batch = memory.max_batch;
  const std::ptrdiff_t block = conv_ ? std::min(max_batch, samples_per_block(step)) : max_batch;
  const auto take = [&](auto& buffer, std::size_t size) {
    memory.plan.add(buffer, size, {memory.backward});
  };
  const std::ptrdiff_t sheets = (block + sheet_samples_ - 1) / sheet_samples_;
  const auto out = static_cast<std::ptrdiff_t>(step.out.size());
  const std::ptrdiff_t quad = 4 * std::ptrdiff_t{channels_};
  take(random_, product(block, grads_) + 2 * kernels::kRandomGroup);
  take(q8_, product(block, out));
  take(q16_, product(quads_, quad));
  take(digits_, product(sheets * quads_, kDigits * quad));
  take(row_, static_cast<std::size_t>(fan_in_));
  take(bias_sums_, product(kDigits, channels_));
  take(sums_, product(kDigits * channels_per_sum(step, sum_ld_), sum_ld_));
  if (max_batch > samples_per_sum(step)) {
    take(earlier_, product(channels_, fan_in_));
    take(bias_earlier_, product(1, channels_));
  }
  if (conv_) {
    if (memory.maxima != nullptr) {
      pool_ = window_of(*memory.maxima);
      take(maxima16_, static_cast<std::size_t>(grads_));
      take(maxima8_, static_cast<std::size_t>(grads_));
    }
    unfold_.emplace(window_of(step));
    patch_ld_ = (std::ptrdiff_t{fan_in_} + 15 + 3) / 4 * 4;
    take(patches_, product(sheets * quads_ * 4, patch_ld_));
  }
  if (step.inputs[0] != 0) input_.emplace(step, memory);
  const int times = (kLanes + channels_ - 1) / channels_;
  wide_scale_.resize(product(times, channels_));
  lanes_.resize(wide_scale_.size());
}

const float* LinearInt8::weights(const Pass& pass) const {
  return pass.params.data() + graph_.params[static_cast<std::size_t>(step_.weight)].offset;
}

std::span<float> LinearInt8::grad(const Pass& pass, int index) const {
  return pass.grad(graph_.params[static_cast<std::size_t>(index)]);
}

void LinearInt8::load(const Pass& pass, const float* scales, std::int8_t* codes) {
  scales_ = scales;
  codes_ = codes;
  const float* w = weights(pass);
  for (int c = 0; c < channels_; ++c) {
    const std::size_t row = product(c, fan_in_);
    gradient_.weight_codes(w + row, fan_in_, scales[c], (1 << (step_.weight_bits - 1)) - 1,
                           codes + row);
  }
  for (auto to = wide_scale_.begin(); to != wide_scale_.end();) {
    to = std::copy_n(scales, channels_, to);
  }
}

void LinearInt8::backward(const Pass& pass) {
  const Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  const float range = this->range(pass);
  float dscale = 0;
  for (const float lane : lanes_) dscale += lane;
  grad(pass, step_.activation_scale)[0] =
      log2_scale_gradient(y.grid.scale, dscale, step_.out.size(), (1 << step_.activation_bits) - 1);
  if (range < kSmallestRange) return clear(pass);
  if (x.wants_grad) input_->load(codes_);

  const int sum = samples_per_sum(step_);
  const int most = conv_ ? samples_per_block(step_) : pass.n;
  bool earlier = false;
  for (int first = 0, samples = 0; first < pass.n; first += samples) {
    const int in_sum = first % sum;
    samples = std::min({most, sum - in_sum, pass.n - first});
    if (first > 0 && in_sum == 0) {
      keep_sums(earlier);
      earlier = true;
    }
    const Block block{first, samples};
    quantize(pass, kernels::kGradientCodes / range, block);
    if (conv_) sum_conv(pass, block, in_sum > 0);
    if (x.wants_grad) {
      input_->run(q8_.data(), samples, range / 127.0F, x.shared,
                  x.grad.data() + product(first, static_cast<std::ptrdiff_t>(step_.in.size())));
    }
  }
  conv_ ? set_gradients(pass, range, 0, channels_, earlier) : dense_weights(pass, range);
}

kernels::GradientMatrix LinearInt8::output(const Pass& pass, int first) const {
  const Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  const Value& v = y.maxima == kNone ? y : pass.values[static_cast<std::size_t>(y.maxima)];
  const std::ptrdiff_t at = first * grads_;
  return {v.grad.data() + at,
          v.residual.data() + at,
          v.codes.data() + at,
          pass.n * grads_ - at,
          static_cast<int>(wide_scale_.size()),
          wide_scale_.data()};
}

float LinearInt8::range(const Pass& pass) {
  const Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  std::fill(lanes_.begin(), lanes_.end(), 0.0F);
  return gradient_.range(output(pass, 0), y.grid.code.zero, lanes_.data());
}

void LinearInt8::quantize(const Pass& pass, float inverse, Block block) {
  const Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  const std::ptrdiff_t begin = block.first * grads_, end = begin + block.samples * grads_;
  const std::ptrdiff_t group = begin / kernels::kRandomGroup;
  const std::ptrdiff_t groups = (end + kernels::kRandomGroup - 1) / kernels::kRandomGroup - group;
  gradient_.random_bytes(pass.random, static_cast<std::uint32_t>(step_.output - 1),
                         static_cast<std::uint32_t>(group), groups, random_.data());
  const std::uint8_t* random = random_.data() + (begin - group * kernels::kRandomGroup);
  const auto out = static_cast<std::ptrdiff_t>(step_.out.size());
  const std::ptrdiff_t padded = 4 * std::ptrdiff_t{quads_} * channels_;
  std::int8_t* digits = digits_.data();
  std::uint8_t* q8 = q8_.data();
  for (int s = 0; s < block.samples; s += sheet_samples_, digits += kDigits * padded) {
    const std::ptrdiff_t samples = std::min(sheet_samples_, block.samples - s);
    kernels::GradientMatrix g = output(pass, block.first + s);
    g.count = samples * grads_;
    if (pool_) {
      gradient_.quantize(g, inverse, random, maxima16_.data(), maxima8_.data());
      const std::uint8_t* which =
          pass.values[static_cast<std::size_t>(y.maxima)].which.data() + (block.first + s) * grads_;
      kernels::max_pool_scatter(*pool_, maxima16_.data(), which, q16_.data());
      kernels::max_pool_scatter(*pool_, maxima8_.data(), which, kZeroGradient, q8);
    } else {
      gradient_.quantize(g, inverse, random, q16_.data(), q8);
    }
    std::fill(q16_.data() + samples * out, q16_.data() + padded, std::int16_t{0});
    gradient_.split_digits(q16_.data(), padded / 4, digits);
    random += g.count;
    q8 += samples * out;
  }
}

void LinearInt8::sum_conv(const Pass& pass, Block block, bool accumulate) {
  const Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  const std::ptrdiff_t rows = 4 * std::ptrdiff_t{quads_};
  for (int s = 0; s < block.samples; ++s) {
    unfold_->quads(x.codes.data() + (block.first + s) * step_.in.size(),
                   static_cast<std::uint8_t>(x.grid.code.zero),
                   patches_.data() + s * rows * patch_ld_, patch_ld_);
  }
  kernels::QgemmTnArgs g{};
  g.m = static_cast<int>(block.samples * rows);
  g.c = kDigits * channels_;
  g.k = fan_in_;
  g.g = digits_.data();
  g.ldg = kDigits * 4 * std::ptrdiff_t{channels_};
  g.x = patches_.data();
  g.ldx = patch_ld_;
  g.x_zero = x.grid.code.zero;
  g.acc = sums_.data();
  g.ldacc = sum_ld_;
  g.gsum = bias_sums_.data();
  g.accumulate = accumulate;
  qgemm_tn_.run(g);
}

void LinearInt8::dense_weights(const Pass& pass, float range) {
  const Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  kernels::QgemmTnArgs g{};
  g.m = pass.n;
  g.k = fan_in_;
  g.ldg = kDigits * 4 * std::ptrdiff_t{channels_};
  g.x = x.codes.data();
  g.ldx = fan_in_;
  g.x_zero = x.grid.code.zero;
  g.acc = sums_.data();
  g.ldacc = sum_ld_;
  const int block = channels_per_sum(step_, sum_ld_);
  for (int c = 0; c < channels_; c += block) {
    const int count = std::min(block, channels_ - c);
    g.c = kDigits * count;
    g.g = digits_.data() + kDigits * 4 * std::ptrdiff_t{c};
    g.gsum = bias_sums_.data() + kDigits * c;
    qgemm_tn_.run(g);
    set_gradients(pass, range, c, count, false);
  }
}

void LinearInt8::keep_sums(bool earlier) {
  const auto k = static_cast<std::ptrdiff_t>(fan_in_);
  for (int c = 0; c < channels_; ++c) {
    float* sum = earlier_.data() + c * k;
    gradient_.join_digits({sums_.data() + kDigits * c * sum_ld_, sum_ld_, earlier ? sum : nullptr},
                          fan_in_, sum);
    float* bias = bias_earlier_.data() + c;
    gradient_.join_digits({bias_sums_.data() + kDigits * c, 1, earlier ? bias : nullptr}, 1, bias);
  }
}

void LinearInt8::set_gradients(const Pass& pass, float range, int first, int count, bool earlier) {
  const Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  const float* w = weights(pass);
  const auto db = grad(pass, step_.bias);
  const int levels = (1 << (step_.weight_bits - 1)) - 1;
  WeightScaleGradient dtheta(grad(pass, step_.weight_scale), static_cast<std::size_t>(channels_),
                             static_cast<std::size_t>(fan_in_), levels);
  const float unit = range / kernels::kGradientCodes;
  for (int i = 0; i < count; ++i) {
    const auto c = static_cast<std::size_t>(first + i);
    const std::size_t row = c * static_cast<std::size_t>(fan_in_);
    const std::int32_t* bias = bias_sums_.data() + kDigits * c;
    gradient_.join_digits({bias, 1, earlier ? &bias_earlier_[c] : nullptr}, 1, &db[c]);
    db[c] *= unit / scales_[c];
    const kernels::WeightSums sums{sums_.data() + product(kDigits * i, sum_ld_), sum_ld_,
                                   earlier ? earlier_.data() + row : nullptr};
    float* dw = pass.sink != nullptr ? row_.data() : grad(pass, step_.weight).data() + row;
    const float dscale = gradient_.weights(sums, w + row, scales_[c], fan_in_, levels,
                                           (unit * x.grid.scale) / scales_[c], dw);
    dtheta.set(c, scales_[c], dscale);
    if (pass.sink == nullptr) continue;
    pass.sink->take(step_.weight, row, {dw, static_cast<std::size_t>(fan_in_)});
  }
}

void LinearInt8::clear(const Pass& pass) {
  const auto zero = [](std::span<float> g) { std::fill(g.begin(), g.end(), 0.0F); };
  zero(grad(pass, step_.bias));
  zero(grad(pass, step_.weight_scale));
  if (pass.sink == nullptr) {
    zero(grad(pass, step_.weight));
  } else {
    zero(row_.span());
    for (int c = 0; c < channels_; ++c) {
      pass.sink->take(step_.weight, product(c, fan_in_), row_.span());
    }
  }
  Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  if (!x.wants_grad || x.shared) return;
  std::fill_n(x.grad.data(), static_cast<std::size_t>(pass.n) * step_.in.size(), 0.0F);
}

}  // namespace fedqat
