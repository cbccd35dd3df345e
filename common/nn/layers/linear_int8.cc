#include "common/nn/layers/linear_int8.h"

#include <algorithm>

namespace fedqat {
namespace {

constexpr float kSmallestRange = 0x1p-100F;  // 32512 / range stays finite
constexpr int kLanes = 256;                  // at least so many for the scale's gradient
constexpr std::size_t kWorthIt = 1 << 17;    // weights to round, for several threads
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
      team_(memory.team),
      qgemm_tn_(kernels::qgemm_tn_kernel()),
      gradient_(kernels::gradient()),
      conv_(step.op == Op::kConv2d),
      channels_(step.out.c),
      fan_in_(fan_in_of(step)),
      sum_ld_((std::ptrdiff_t{fan_in_} + 15) / 16 * 16),
      sheets_(step),
      grads_(static_cast<std::ptrdiff_t>(
          (memory.maxima != nullptr ? *memory.maxima : step).out.size())),
      lanes_(product(1, memory.team.size())),
      patch_ld_((std::ptrdiff_t{fan_in_} + 15 + 3) / 4 * 4) {
  for (Lane& lane : lanes_) take_lane(memory, lane);
  const int max_batch = memory.max_batch;
  if (max_batch > samples_per_sum(step)) {
    memory.plan.add(earlier_, product(channels_, fan_in_), {memory.backward});
    memory.plan.add(bias_earlier_, product(1, channels_), {memory.backward});
  }
  if (!conv_) {
    memory.plan.add(q8_, product(max_batch, channels_), {memory.backward});
    memory.plan.add(digits_, product(1, sheets_.digits(max_batch)), {memory.backward});
  }
  const int times = (kLanes + channels_ - 1) / channels_;
  wide_scale_.resize(product(times, channels_));
  scale_lanes_.resize(wide_scale_.size());
  dscales_.resize(product(1, channels_));
}

void LinearInt8::take_lane(const LayerMemory& memory, Lane& lane) {
  const auto take = [&](auto& buffer, std::size_t size) {
    memory.plan.add(buffer, size, {memory.backward});
  };
  const int max_batch = memory.max_batch;
  const int block = conv_ ? std::min(max_batch, samples_per_block(step_)) : max_batch;
  lane.codes.emplace(step_, memory, block);
  take(lane.row, static_cast<std::size_t>(fan_in_));
  take(lane.bias_sums, product(kDigits, channels_));
  take(lane.sums, product(kDigits * channels_per_sum(step_, sum_ld_), sum_ld_));
  if (step_.inputs[0] != 0) lane.input.emplace(step_, memory);
  if (!conv_) return;
  take(lane.q8, product(block, static_cast<std::ptrdiff_t>(step_.out.size())));
  take(lane.digits, product(1, sheets_.digits(block)));
  lane.unfold.emplace(window_of(step_));
  take(lane.patches, product(std::ptrdiff_t{block} * sheets_.quads * 4, patch_ld_));
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
  const int parts = product(channels_, fan_in_) < kWorthIt ? 1 : team_.size();
  team_.run(parts, [&](int part) {
    const Share own = share_of(channels_, part, parts);
    for (int c = own.first; c < own.end; ++c) {
      const std::size_t row = product(c, fan_in_);
      gradient_.weight_codes(w + row, fan_in_, scales[c], (1 << (step_.weight_bits - 1)) - 1,
                             codes + row);
    }
  });
  for (auto to = wide_scale_.begin(); to != wide_scale_.end();) {
    to = std::copy_n(scales, channels_, to);
  }
}

void LinearInt8::backward(const Pass& pass) {
  const Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  const float range = this->range(pass);
  float dscale = 0;
  for (const float lane : scale_lanes_) dscale += lane;
  grad(pass, step_.activation_scale)[0] =
      log2_scale_gradient(y.grid.scale, dscale, step_.out.size(), (1 << step_.activation_bits) - 1);
  if (range < kSmallestRange) return clear(pass);
  conv_ ? backward_conv(pass, range) : backward_dense(pass, range);
  set_scales(pass);
}

// Every thread takes samples of its own through all of it; their sums are integers and add up.
void LinearInt8::backward_conv(const Pass& pass, float range) {
  Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  const int most = samples_per_block(step_), sum = samples_per_sum(step_);
  int parts = 1;
  for (int first = 0; first < pass.n; first += sum) {
    if (first > 0) keep_sums(first > sum);
    const int samples = std::min(sum, pass.n - first);
    parts = std::min(parts_of(&team_, step_, samples), samples);
    team_.run(parts, [&](int part) {
      Lane& lane = lanes_[static_cast<std::size_t>(part)];
      if (x.wants_grad) lane.input->load(codes_);
      const Share own = share_of(samples, part, parts);
      for (int s = own.first; s < own.end; s += most) {
        const Block block{first + s, std::min(most, own.end - s)};
        round(pass, range, block, lane, lane.q8.data(), lane.digits.data());
        sum_conv(pass, block, s > own.first, lane);
        if (!x.wants_grad) continue;
        lane.input->conv(
            lane.q8.data(), block.samples, range / 127.0F, x.shared,
            x.grad.data() + product(block.first, static_cast<std::ptrdiff_t>(step_.in.size())));
      }
    });
    join_lanes(parts);
  }
  const Lane& sums = lanes_[0];
  team_.run(parts, [&](int part) {
    const Share own = share_of(channels_, part, parts);
    set_gradients(pass, range, own, pass.n > sum, sums.sums.data() + kDigits * own.first * sum_ld_,
                  sums.bias_sums.data() + kDigits * own.first,
                  lanes_[static_cast<std::size_t>(part)]);
  });
}

// Threads share the samples to be rounded, then the channels, then the columns of the gradient.
void LinearInt8::backward_dense(const Pass& pass, float range) {
  Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  const int parts = parts_of(&team_, step_, pass.n);
  const int sheets = (pass.n + sheets_.samples - 1) / sheets_.samples;
  team_.run(parts, [&](int part) {
    const Share own = share_of(sheets, part, parts);
    const int first = own.first * sheets_.samples;
    const int end = std::min(own.end * sheets_.samples, pass.n);
    if (first == end) return;
    round(pass, range, {first, end - first}, lanes_[static_cast<std::size_t>(part)],
          q8_.data() + product(first, channels_), digits_.data() + sheets_.digits(first));
  });
  const int block = channels_per_sum(step_, sum_ld_);
  const int blocks = (channels_ + block - 1) / block;
  team_.run(parts, [&](int part) {
    dense_weights(pass, range, share_of(blocks, part, parts),
                  lanes_[static_cast<std::size_t>(part)]);
  });
  if (!x.wants_grad) return;
  team_.run(parts, [&](int part) {
    InputGradient& input = *lanes_[static_cast<std::size_t>(part)].input;
    input.load(codes_);
    input.dense(q8_.data(), pass.n, range / 127.0F, x.shared, x.grad.data(),
                share_of(input.strips(), part, parts));
  });
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
  std::fill(scale_lanes_.begin(), scale_lanes_.end(), 0.0F);
  return gradient_.range(output(pass, 0), y.grid.code.zero, scale_lanes_.data());
}

void LinearInt8::round(const Pass& pass, float range, Block block, Lane& lane, std::uint8_t* q8,
                       std::int8_t* digits) const {
  const Value& y = pass.values[static_cast<std::size_t>(step_.output)];
  const std::uint8_t* which = nullptr;
  if (y.maxima != kNone) {
    which = pass.values[static_cast<std::size_t>(y.maxima)].which.data() + block.first * grads_;
  }
  lane.codes->round(pass, output(pass, block.first), which, kernels::kGradientCodes / range,
                    block.first, block.samples, q8, digits);
}

void LinearInt8::sum_conv(const Pass& pass, Block block, bool accumulate, Lane& lane) const {
  const Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  const std::ptrdiff_t rows = 4 * std::ptrdiff_t{sheets_.quads};
  for (int s = 0; s < block.samples; ++s) {
    lane.unfold->quads(x.codes.data() + (block.first + s) * step_.in.size(),
                       static_cast<std::uint8_t>(x.grid.code.zero),
                       lane.patches.data() + s * rows * patch_ld_, patch_ld_);
  }
  kernels::QgemmTnArgs g{};
  g.m = static_cast<int>(block.samples * rows);
  g.c = kDigits * channels_;
  g.k = fan_in_;
  g.g = lane.digits.data();
  g.ldg = kDigits * 4 * std::ptrdiff_t{channels_};
  g.x = lane.patches.data();
  g.ldx = patch_ld_;
  g.x_zero = x.grid.code.zero;
  g.acc = lane.sums.data();
  g.ldacc = sum_ld_;
  g.gsum = lane.bias_sums.data();
  g.accumulate = accumulate;
  g.digits = true;
  qgemm_tn_.run(g);
}

void LinearInt8::join_lanes(int lanes) {
  const auto add = [](const std::int32_t* from, std::ptrdiff_t n, std::int32_t* to) {
    for (std::ptrdiff_t i = 0; i < n; ++i) to[i] += from[i];
  };
  Lane& all = lanes_[0];
  for (int i = 1; i < lanes; ++i) {
    const Lane& lane = lanes_[static_cast<std::size_t>(i)];
    for (std::ptrdiff_t row = 0; row < std::ptrdiff_t{kDigits} * channels_; ++row) {
      add(lane.sums.data() + row * sum_ld_, fan_in_, all.sums.data() + row * sum_ld_);
    }
    add(lane.bias_sums.data(), std::ptrdiff_t{kDigits} * channels_, all.bias_sums.data());
  }
}

void LinearInt8::dense_weights(const Pass& pass, float range, Share blocks, Lane& lane) {
  const Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  kernels::QgemmTnArgs g{};
  g.m = pass.n;
  g.k = fan_in_;
  g.ldg = kDigits * 4 * std::ptrdiff_t{channels_};
  g.x = x.codes.data();
  g.ldx = fan_in_;
  g.x_zero = x.grid.code.zero;
  g.acc = lane.sums.data();
  g.ldacc = sum_ld_;
  g.gsum = lane.bias_sums.data();
  g.digits = true;
  const int block = channels_per_sum(step_, sum_ld_);
  const int end = std::min(blocks.end * block, channels_);
  for (int c = blocks.first * block; c < end; c += block) {
    const Share own{c, std::min(c + block, end)};
    g.c = kDigits * own.size();
    g.g = digits_.data() + kDigits * 4 * std::ptrdiff_t{c};
    qgemm_tn_.run(g);
    set_gradients(pass, range, own, false, g.acc, g.gsum, lane);
  }
}

void LinearInt8::keep_sums(bool earlier) {
  const auto k = static_cast<std::ptrdiff_t>(fan_in_);
  for (int c = 0; c < channels_; ++c) {
    float* sum = earlier_.data() + c * k;
    gradient_.join_digits(
        {lanes_[0].sums.data() + kDigits * c * sum_ld_, sum_ld_, earlier ? sum : nullptr}, fan_in_,
        sum);
    float* bias = bias_earlier_.data() + c;
    gradient_.join_digits({lanes_[0].bias_sums.data() + kDigits * c, 1, earlier ? bias : nullptr},
                          1, bias);
  }
}

void LinearInt8::set_gradients(const Pass& pass, float range, Share channels, bool earlier,
                               const std::int32_t* sums, const std::int32_t* bias_sums,
                               Lane& lane) {
  const Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  const float* w = weights(pass);
  const auto db = grad(pass, step_.bias);
  const int levels = (1 << (step_.weight_bits - 1)) - 1;
  const float unit = range / kernels::kGradientCodes;
  for (int i = channels.first; i < channels.end;
       ++i, sums += kDigits * sum_ld_, bias_sums += kDigits) {
    const auto c = static_cast<std::size_t>(i);
    const std::size_t row = c * static_cast<std::size_t>(fan_in_);
    gradient_.join_digits({bias_sums, 1, earlier ? &bias_earlier_[c] : nullptr}, 1, &db[c]);
    db[c] *= unit / scales_[c];
    float* dw = pass.sink != nullptr ? lane.row.data() : grad(pass, step_.weight).data() + row;
    dscales_[c] =
        gradient_.weights({sums, sum_ld_, earlier ? earlier_.data() + row : nullptr}, w + row,
                          scales_[c], fan_in_, levels, (unit * x.grid.scale) / scales_[c], dw);
    if (pass.sink == nullptr) continue;
    pass.sink->take(step_.weight, row, {dw, static_cast<std::size_t>(fan_in_)});
  }
}

void LinearInt8::set_scales(const Pass& pass) {
  WeightScaleGradient dtheta(grad(pass, step_.weight_scale), dscales_.size(),
                             static_cast<std::size_t>(fan_in_), (1 << (step_.weight_bits - 1)) - 1);
  for (std::size_t c = 0; c < dscales_.size(); ++c) dtheta.set(c, scales_[c], dscales_[c]);
}

void LinearInt8::clear(const Pass& pass) {
  const auto zero = [](std::span<float> g) { std::fill(g.begin(), g.end(), 0.0F); };
  zero(grad(pass, step_.bias));
  zero(grad(pass, step_.weight_scale));
  if (pass.sink == nullptr) {
    zero(grad(pass, step_.weight));
  } else {
    const std::span<float> row = lanes_[0].row.span();
    for (int c = 0; c < channels_; ++c) {
      zero(row);  // the sink may have changed it
      pass.sink->take(step_.weight, product(c, fan_in_), row);
    }
  }
  Value& x = pass.values[static_cast<std::size_t>(step_.inputs[0])];
  if (!x.wants_grad || x.shared) return;
  std::fill_n(x.grad.data(), static_cast<std::size_t>(pass.n) * step_.in.size(), 0.0F);
}

}  // namespace fedqat
