#include "sim/ptq/bias_correction.h"

#include "common/base/check.h"
#include "common/kernels/elementwise/elementwise.h"
#include "common/nn/learnt_scales.h"

namespace fedqat {

std::vector<float> rounded_weights(const Graph& graph, const Step& step,
                                   std::span<const float> params) {
  const ParamTensor& weight = graph.params[static_cast<std::size_t>(step.weight)];
  std::vector<float> scales(static_cast<std::size_t>(step.out.c));
  weight_scales(graph, step, params, scales);
  std::vector<std::int8_t> codes(weight.size);
  std::vector<float> rounded(weight.size);
  kernels::elementwise().quantize_weights(
      params.data() + weight.offset, step.out.c, static_cast<int>(weight.size) / step.out.c,
      scales.data(), (1 << (step.weight_bits - 1)) - 1, codes.data(), rounded.data());
  return rounded;
}

void correct_biases(const Graph& graph, CalibrationData& data, std::span<float> params) {
  FEDQAT_CHECK(params.size() == graph.param_count);
  for (std::size_t i = 0; i < graph.steps.size(); ++i) {
    const Step& step = graph.steps[i];
    if (!step.has_weights()) continue;
    const Step& real = data.graph().steps[i];
    const float* w0 =
        data.params().data() + data.graph().params[static_cast<std::size_t>(real.weight)].offset;
    float* bias = params.data() + graph.params[static_cast<std::size_t>(step.bias)].offset;
    const auto rounded = rounded_weights(graph, step, params);
    const auto mean = data.mean_window(static_cast<int>(i));
    const auto channels = static_cast<std::size_t>(step.out.c);
    const std::size_t fan_in = rounded.size() / channels;
    const bool depthwise = step.op == Op::kDepthwiseConv2d;
    for (std::size_t c = 0; c < channels; ++c) {
      double shift = 0;
      for (std::size_t j = 0; j < fan_in; ++j) {
        const double x = mean[depthwise ? j * channels + c : j];
        shift += (double{rounded[c * fan_in + j]} - w0[c * fan_in + j]) * x;
      }
      bias[c] = static_cast<float>(bias[c] - shift);
    }
  }
}

}  // namespace fedqat
