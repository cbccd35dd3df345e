#include "sim/ptq/equalize.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/base/check.h"

namespace fedqat {
namespace {

constexpr int kMaxSweeps = 20;

// The step with weights that alone sees the output of `step`; kNone if there is no such.
int reader_of(const Graph& graph, const Step& step) {
  int value = step.output;
  for (;;) {
    int reader = kNone, readers = 0;
    for (std::size_t i = 0; i < graph.steps.size(); ++i) {
      for (const int in : graph.steps[i].inputs) {
        if (in != value) continue;
        ++readers;
        reader = static_cast<int>(i);
      }
    }
    if (readers != 1) return kNone;
    const Step& next = graph.steps[static_cast<std::size_t>(reader)];
    if (next.has_weights()) return reader;
    if (next.op != Op::kMaxPool && next.op != Op::kAvgPool && next.op != Op::kRelu) return kNone;
    value = next.output;
  }
}

class Pair {
 public:
  Pair(const Graph& graph, const Step& first, const Step& second, std::span<float> params)
      : channels_(static_cast<std::size_t>(first.out.c)),
        depthwise_(second.op == Op::kDepthwiseConv2d) {
    const auto tensor = [&](int index) {
      const ParamTensor& p = graph.params[static_cast<std::size_t>(index)];
      return params.subspan(p.offset, p.size);
    };
    w1_ = tensor(first.weight);
    b1_ = tensor(first.bias);
    w2_ = tensor(second.weight);
  }

  // Returns the largest |s - 1|.
  double balance() {
    std::vector<double> r1(channels_), r2(channels_), s(channels_, 1.0);
    const std::size_t fan_in = w1_.size() / channels_;
    for (std::size_t i = 0; i < w1_.size(); ++i) raise(r1[i / fan_in], w1_[i]);
    for (std::size_t i = 0; i < w2_.size(); ++i) raise(r2[channel_of(i)], w2_[i]);
    double off = 0;
    for (std::size_t c = 0; c < channels_; ++c) {
      if (r1[c] > 0 && r2[c] > 0) s[c] = std::sqrt(r1[c] / r2[c]);
      off = std::max(off, std::abs(s[c] - 1));
      b1_[c] = static_cast<float>(b1_[c] / s[c]);
    }
    for (std::size_t i = 0; i < w1_.size(); ++i)
      w1_[i] = static_cast<float>(w1_[i] / s[i / fan_in]);
    for (std::size_t i = 0; i < w2_.size(); ++i) {
      w2_[i] = static_cast<float>(w2_[i] * s[channel_of(i)]);
    }
    return off;
  }

 private:
  static void raise(double& range, float w) { range = std::max(range, std::abs(double{w})); }
  // Input channel of weight i of the second step: innermost, but for depthwise the outer one.
  std::size_t channel_of(std::size_t i) const {
    return depthwise_ ? i / (w2_.size() / channels_) : i % channels_;
  }

  std::size_t channels_;
  bool depthwise_;
  std::span<float> w1_, b1_, w2_;
};

}  // namespace

void equalize(const Graph& graph, std::span<float> params) {
  FEDQAT_CHECK(params.size() == graph.param_count);
  std::vector<Pair> pairs;
  for (const Step& step : graph.steps) {
    if (!step.has_weights()) continue;
    const int reader = reader_of(graph, step);
    if (reader == kNone) continue;
    pairs.emplace_back(graph, step, graph.steps[static_cast<std::size_t>(reader)], params);
  }
  for (int sweep = 0; sweep < kMaxSweeps; ++sweep) {
    double off = 0;
    for (Pair& pair : pairs) off = std::max(off, pair.balance());
    if (off < 0.01) return;
  }
}

}  // namespace fedqat
