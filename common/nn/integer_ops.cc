#include "common/nn/integer_ops.h"

#include <algorithm>
#include <cmath>

#include "common/kernels/pool/pool.h"

namespace fedqat {
namespace {

constexpr int kBlockRows = 1024;
constexpr int kVectorElements = 64;

}  // namespace

ValueGrid output_grid(const Step& step, float scale, std::int32_t zero) {
  const std::int32_t high = (1 << step.activation_bits) - 1;
  return {scale, {zero, step.relu ? zero : 0, high}};
}

std::vector<ValueGrid> value_grids(const Graph& graph, const PackedModel& model) {
  std::vector<ValueGrid> grids = {{model.input.scale, {model.input.zero, 0, 255}}};
  for (std::size_t i = 0; i < graph.steps.size(); ++i) {
    const Step& s = graph.steps[i];
    const PackedStep& p = model.steps[i];
    const ValueGrid from = grids[static_cast<std::size_t>(s.inputs[0])];
    grids.push_back(
        s.activation_scale == kNone ? from : output_grid(s, p.activation_scale, p.activation_zero));
  }
  return grids;
}

bool pointwise(const kernels::Window& w) {
  return w.kh == 1 && w.kw == 1 && w.stride == 1 && w.padding_h == 0 && w.padding_w == 0;
}

kernels::Window window_of(const Step& s) {
  return {s.in.h, s.in.w, s.in.c, s.kernel_h, s.kernel_w, s.stride, s.padding_h, s.padding_w};
}

std::int32_t bias_code(float bias, float x_scale, float w_scale) {
  constexpr double kLimit = 1 << 30;
  const float scale = x_scale * w_scale;
  const double t = static_cast<double>(bias) / static_cast<double>(scale);
  return static_cast<std::int32_t>(std::nearbyint(std::clamp(t, -kLimit, kLimit)));
}

int joined_rows(int channels) { return (kVectorElements + channels - 1) / channels; }

void repeat_channels(std::span<const float> channels, std::vector<float>& wide) {
  const auto times = static_cast<std::size_t>(joined_rows(static_cast<int>(channels.size())));
  wide.resize(times * channels.size());
  auto to = wide.begin();
  for (std::size_t i = 0; i < times; ++i) to = std::copy(channels.begin(), channels.end(), to);
}

int samples_per_block(const Step& s) { return std::max(1, kBlockRows / (s.out.h * s.out.w)); }

std::uint8_t round_to_code(float position, const kernels::OutputGrid& grid) {
  const auto low = static_cast<float>(grid.low - grid.zero);
  const auto high = static_cast<float>(grid.high - grid.zero);
  const float above = position > low ? position : low;  // in this form NaN becomes low
  const float clamped = above < high ? above : high;
  return static_cast<std::uint8_t>(static_cast<std::int32_t>(std::nearbyint(clamped)) + grid.zero);
}

void average_pool_int(const Step& step, const std::uint8_t* x, const ValueGrid& xg,
                      std::int32_t* sums, const ValueGrid& yg, std::uint8_t* y) {
  kernels::sum_pool(window_of(step), x, xg.code.zero, sums);
  const auto count = static_cast<float>(step.kernel_h * step.kernel_w);
  for (std::size_t i = 0; i < step.out.size(); ++i) {
    y[i] = round_to_code(average_position(sums[i], count, xg.scale, yg.scale), yg.code);
  }
}

kernels::AddArgs add_args(std::size_t n, const std::uint8_t* a, const ValueGrid& ag,
                          const std::uint8_t* b, const ValueGrid& bg, const ValueGrid& yg) {
  return {static_cast<std::ptrdiff_t>(n),
          a,
          ag.code.zero,
          ag.scale,
          b,
          bg.code.zero,
          bg.scale,
          yg.scale,
          yg.code};
}

void add_int(const kernels::AddArgs& args, std::uint8_t* y) { kernels::elementwise().add(args, y); }

void relu_int(std::size_t n, const std::uint8_t* x, std::int32_t zero, std::uint8_t* y) {
  for (std::size_t i = 0; i < n; ++i) {
    y[i] = static_cast<std::uint8_t>(std::max<std::int32_t>(x[i], zero));
  }
}

}  // namespace fedqat
