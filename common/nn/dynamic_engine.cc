#include "common/nn/dynamic_engine.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/base/check.h"
#include "common/kernels/pool/pool.h"

namespace fedqat {
namespace {

constexpr int kZero = 128;  // codes are 128 + -127..127
constexpr int kTop = 127;
constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to a whole number
constexpr ValueGrid kCodes{1, {kZero, 0, 255}};

// Symmetric codes of a sample: scale = max|x| / 127, code = 128 + rint(x / scale).
float round_sample(const float* x, std::size_t size, std::uint8_t* codes) {
  float top = 0;
  for (std::size_t i = 0; i < size; ++i) top = std::max(top, std::abs(x[i]));
  const float scale = top / kTop;
  const float inverse = scale > 0 && std::isfinite(1 / scale) ? 1 / scale : 0;
  for (std::size_t i = 0; i < size; ++i) {
    // The comparisons also take the NaN that an overflow before may have left.
    const float inside = std::min(std::max(-float{kTop}, x[i] * inverse), float{kTop});
    const float code = (inside + kRound) - kRound;
    codes[i] = static_cast<std::uint8_t>(static_cast<int>(code) + kZero);
  }
  return inverse > 0 ? scale : 0;
}

void average_pool(const Step& s, const float* x, float* y) {
  const auto channels = static_cast<std::size_t>(s.out.c);
  const float count = static_cast<float>(s.kernel_h * s.kernel_w);
  for (int oh = 0; oh < s.out.h; ++oh) {
    for (int ow = 0; ow < s.out.w; ++ow, y += channels) {
      std::fill_n(y, channels, 0.0F);
      for (int i = 0; i < s.kernel_h * s.kernel_w; ++i) {
        const int row = oh * s.stride + i / s.kernel_w, col = ow * s.stride + i % s.kernel_w;
        const float* from = x + static_cast<std::size_t>(row * s.in.w + col) * channels;
        for (std::size_t c = 0; c < channels; ++c) y[c] += from[c];
      }
      for (std::size_t c = 0; c < channels; ++c) y[c] /= count;
    }
  }
}

}  // namespace

DynamicEngine::DynamicEngine(const Graph& graph, const PackedModel& model, int max_batch)
    : graph_(graph), model_(model), weighted_(graph.steps.size()) {
  const auto batch = static_cast<std::size_t>(max_batch);
  std::size_t largest = graph.spec.input.size();
  values_.emplace_back(batch * largest);
  for (std::size_t i = 0; i < graph.steps.size(); ++i) {
    const Step& s = graph.steps[i];
    const PackedStep& p = model.steps[i];
    values_.emplace_back(batch * s.out.size());
    largest = std::max(largest, s.out.size());
    const std::vector<std::int32_t> no_bias(static_cast<std::size_t>(s.out.c));
    const auto set = [&](auto& layer) {
      layer.emplace(s);
      layer->set(p.weights.data(), p.weight_scales.data(), no_bias.data(), kCodes, kCodes);
    };
    if (s.op == Op::kDepthwiseConv2d) {
      set(weighted_[i].depthwise);
    } else if (s.has_weights()) {
      set(weighted_[i].linear);
    }
  }
  scales_.resize(batch);
  codes_ = Buffer<std::uint8_t>(batch * largest);
  unused_ = Buffer<std::uint8_t>(batch * largest);
  acc_ = Buffer<std::int32_t>(batch * largest);
  which_ = Buffer<std::uint8_t>(largest);
}

// y = s_x s_w acc + bias, then the ReLU.
void DynamicEngine::weighted(std::size_t step, const float* x, int n, float* y) {
  const Step& s = graph_.steps[step];
  const PackedStep& p = model_.steps[step];
  const std::size_t in = s.in.size(), channels = p.float_bias.size();
  const auto samples = static_cast<std::size_t>(n);
  for (std::size_t k = 0; k < samples; ++k) {
    scales_[k] = round_sample(x + k * in, in, codes_.data() + k * in);
  }
  if (weighted_[step].depthwise) {
    weighted_[step].depthwise->forward(codes_.data(), n, acc_.data(), unused_.data());
  } else {
    weighted_[step].linear->forward(codes_.data(), n, unused_.data(), acc_.data());
  }
  const float floor = s.relu ? 0 : -std::numeric_limits<float>::infinity();
  const std::size_t rows = s.out.size() / channels;
  const std::int32_t* acc = acc_.data();
  for (std::size_t k = 0; k < samples; ++k) {
    for (std::size_t r = 0; r < rows; ++r, acc += channels, y += channels) {
      for (std::size_t c = 0; c < channels; ++c) {
        const float product = static_cast<float>(acc[c]) * (scales_[k] * p.weight_scales[c]);
        y[c] = std::max(product + p.float_bias[c], floor);
      }
    }
  }
}

void DynamicEngine::run_step(std::size_t step, int n) {
  const Step& s = graph_.steps[step];
  const float* x = values_[static_cast<std::size_t>(s.inputs[0])].data();
  float* y = values_[step + 1].data();
  const std::size_t in = s.in.size(), out = s.out.size(), all = static_cast<std::size_t>(n) * out;
  switch (s.op) {
    case Op::kDense:
    case Op::kConv2d:
    case Op::kDepthwiseConv2d:
      return weighted(step, x, n, y);
    case Op::kMaxPool:
    case Op::kAvgPool:
      for (std::size_t k = 0; k < static_cast<std::size_t>(n); ++k) {
        if (s.op == Op::kAvgPool) {
          average_pool(s, x + k * in, y + k * out);
        } else {
          kernels::max_pool(window_of(s), x + k * in, y + k * out, which_.data());
        }
      }
      break;
    case Op::kAdd: {
      const float* b = values_[static_cast<std::size_t>(s.inputs[1])].data();
      for (std::size_t i = 0; i < all; ++i) y[i] = x[i] + b[i];
      break;
    }
    case Op::kRelu:
      std::copy_n(x, all, y);
      break;
    case Op::kInput:
    case Op::kFlatten:
    case Op::kBatchNorm:
      check_failed("a step the engine knows", __FILE__, __LINE__);
  }
  if (!s.relu && s.op != Op::kRelu) return;
  for (std::size_t i = 0; i < all; ++i) y[i] = std::max(y[i], 0.0F);
}

std::span<const float> DynamicEngine::run(const std::uint8_t* codes, int n) {
  const auto samples = static_cast<std::size_t>(n);
  kernels::elementwise().dequantize(codes,
                                    static_cast<std::ptrdiff_t>(samples * graph_.spec.input.size()),
                                    model_.input.scale, model_.input.zero, values_[0].data());
  for (std::size_t i = 0; i < graph_.steps.size(); ++i) run_step(i, n);
  return values_.back().span().first(samples * static_cast<std::size_t>(graph_.spec.classes));
}

}  // namespace fedqat
