#include "sim/ptq/adaround.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"
#include "common/base/exact_math.h"
#include "common/kernels/sgemm/sgemm.h"
#include "common/nn/learnt_scales.h"
#include "common/tensor/buffer.h"

namespace fedqat {
namespace {

constexpr int kSteps = 1000;
constexpr int kWarmSteps = kSteps / 5;
constexpr int kRowsOfStep = 64;
constexpr int kMaxRows = 2048;
constexpr double kLambda =
    10;  // outweighs the curvature of the error at the end, about 24 / n a weight
constexpr double kRate = 0.02, kBeta1 = 0.9, kBeta2 = 0.999, kTiny = 1e-12;

class Rounding {
 public:
  Rounding(std::span<const float> w0, std::span<const float> scales, int q,
           const CalibrationData::Rows& x)
      : w0_(w0), scales_(scales), q_(q), x_(x), channels_(static_cast<int>(scales.size())) {
    const std::size_t n = w0.size();
    floor_.resize(n);
    v_.resize(n);
    first_.resize(n);
    second_.resize(n);
    diff_ = Buffer<float>(n);
    gradient_ = Buffer<float>(n);
    residual_ = Buffer<float>(static_cast<std::size_t>(x.rows) * scales.size());
    for (std::size_t i = 0; i < n; ++i) {
      const double t = double{w0[i]} / scale(i);
      floor_[i] = std::floor(t);
      // h(V) = the part behind the point; between 0.01 and 0.99 V has a gradient.
      const double h = std::clamp(t - floor_[i], 0.01, 0.99);
      v_[i] = -exact_log(1.2 / (h + 0.1) - 1);
    }
  }

  std::vector<float> run() {
    const auto nearest =
        codes([&](std::size_t i) { return double{w0_[i]} / scale(i) - floor_[i]; });
    const auto error_nearest = errors(nearest);
    double total = 0;
    for (const double e : error_nearest) total += e;
    if (total <= 0) return nearest;
    mean_error_ = total / x_.rows;
    for (int t = 0; t < kSteps; ++t) step(t);
    auto found = codes([&](std::size_t i) { return opened(i); });
    const auto error_found = errors(found);
    const std::size_t fan_in = w0_.size() / scales_.size();
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (error_nearest[i / fan_in] <= error_found[i / fan_in]) found[i] = nearest[i];
    }
    return found;
  }

 private:
  double scale(std::size_t i) const { return scales_[i / (w0_.size() / scales_.size())]; }
  double sigmoid(std::size_t i) const { return 1 / (1 + exact_exp(-v_[i])); }
  double opened(std::size_t i) const { return std::clamp(1.2 * sigmoid(i) - 0.1, 0.0, 1.0); }

  template <class Up>  // up(i) >= 0.5 rounds weight i up
  std::vector<float> codes(Up up) const {
    std::vector<float> c(w0_.size());
    for (std::size_t i = 0; i < c.size(); ++i) {
      const double code = floor_[i] + (up(i) >= 0.5 ? 1 : 0);
      c[i] = static_cast<float>(std::clamp(code, -double(q_), double(q_)));
    }
    return c;
  }

  // residual [rows, channels] = x diff^T for rows first, first + stride ...
  void multiply(int first, int stride, int rows) {
    const int depth = x_.depth;
    kernels::SgemmArgs g{};
    g.m = rows;
    g.n = channels_;
    g.k = depth;
    g.a = x_.values.data() + std::ptrdiff_t{first} * depth;
    g.a_row = std::ptrdiff_t{stride} * depth;
    g.a_col = 1;
    g.b = diff_.data();
    g.b_row = 1;
    g.b_col = depth;
    g.c = residual_.data();
    g.ldc = channels_;
    g.scratch = scratch_.data();
    sgemm_.run(g);
  }

  // Summed squared error of each channel over all rows.
  std::vector<double> errors(const std::vector<float>& codes) {
    for (std::size_t i = 0; i < codes.size(); ++i) {
      diff_.data()[i] = static_cast<float>(codes[i] * scale(i) - w0_[i]);
    }
    multiply(0, 1, x_.rows);
    std::vector<double> sums(scales_.size());
    for (std::size_t i = 0; i < residual_.size(); ++i) {
      sums[i % sums.size()] += double{residual_.data()[i]} * residual_.data()[i];
    }
    return sums;
  }

  void step(int t) {
    const int batches = std::max(1, x_.rows / kRowsOfStep);
    const int first = t % batches;
    const int rows = (x_.rows - first + batches - 1) / batches;
    for (std::size_t i = 0; i < v_.size(); ++i) {
      const double code = std::clamp(floor_[i] + opened(i), -double(q_), double(q_));
      diff_.data()[i] = static_cast<float>(code * scale(i) - w0_[i]);
    }
    multiply(first, batches, rows);
    const int depth = x_.depth;
    kernels::SgemmArgs g{};  // gradient [channels, depth] = residual^T x
    g.m = channels_;
    g.n = depth;
    g.k = rows;
    g.a = residual_.data();
    g.a_row = 1;
    g.a_col = channels_;
    g.b = x_.values.data() + std::ptrdiff_t{first} * depth;
    g.b_row = std::ptrdiff_t{batches} * depth;
    g.b_col = 1;
    g.c = gradient_.data();
    g.ldc = depth;
    g.scratch = scratch_.data();
    sgemm_.run(g);

    const double along = std::max(0.0, double(t - kWarmSteps) / (kSteps - kWarmSteps));
    const double beta = 20 - 18 * along;
    const double lambda = t < kWarmSteps ? 0 : kLambda / static_cast<double>(v_.size());
    const double unit = 2 / (rows * mean_error_);
    decay1_ *= kBeta1;
    decay2_ *= kBeta2;
    for (std::size_t i = 0; i < v_.size(); ++i) {
      const double s = sigmoid(i), h = 1.2 * s - 0.1;
      double g_v = 0;
      if (h > 0 && h < 1) {
        const double u = 2 * h - 1;
        const double pull =
            u == 0 ? 0 : -2 * beta * exact_exp2((beta - 1) * exact_log2(std::abs(u)));
        const double code = floor_[i] + h;
        const bool inside = code > -q_ && code < q_;
        const double fit = inside ? unit * gradient_.data()[i] * scale(i) : 0;
        g_v = (fit + lambda * (u < 0 ? -pull : pull)) * 1.2 * s * (1 - s);
      }
      first_[i] = kBeta1 * first_[i] + (1 - kBeta1) * g_v;
      second_[i] = kBeta2 * second_[i] + (1 - kBeta2) * g_v * g_v;
      v_[i] -=
          kRate * (first_[i] / (1 - decay1_)) / (std::sqrt(second_[i] / (1 - decay2_)) + kTiny);
    }
  }

  const std::span<const float> w0_, scales_;
  const int q_;
  const CalibrationData::Rows& x_;
  const int channels_;
  const kernels::SgemmKernel& sgemm_ = kernels::sgemm_kernel();
  std::vector<double> floor_, v_, first_, second_;
  Buffer<float> diff_, gradient_, residual_, scratch_{kernels::kSgemmScratch};
  double mean_error_ = 1, decay1_ = 1, decay2_ = 1;
};

}  // namespace

std::vector<float> adaround_codes(std::span<const float> w0, std::span<const float> scales, int q,
                                  const CalibrationData::Rows& x) {
  FEDQAT_CHECK(x.rows >= 1 && !scales.empty() &&
               w0.size() == scales.size() * static_cast<std::size_t>(x.depth));
  return Rounding(w0, scales, q, x).run();
}

void adaround(const Graph& graph, CalibrationData& data, std::span<float> params) {
  FEDQAT_CHECK(params.size() == graph.param_count);
  for (std::size_t i = 0; i < graph.steps.size(); ++i) {
    const Step& step = graph.steps[i];
    if (step.op != Op::kDense && step.op != Op::kConv2d) continue;
    const ParamTensor& weight = graph.params[static_cast<std::size_t>(step.weight)];
    const auto channels = static_cast<std::size_t>(step.out.c);
    std::vector<float> scales(channels);
    weight_scales(graph, step, params, scales);
    const auto x = data.windows(static_cast<int>(i), kMaxRows);
    const auto w = params.subspan(weight.offset, weight.size);
    const auto codes = adaround_codes(w, scales, (1 << (step.weight_bits - 1)) - 1, x);
    for (std::size_t j = 0; j < w.size(); ++j) {
      w[j] = codes[j] * scales[j / (w.size() / channels)];
    }
  }
}

}  // namespace fedqat
