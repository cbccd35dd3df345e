#include "sim/ptq.h"

#include <algorithm>
#include <vector>

#include "common/nn/network.h"
#include "coordinator/calibrate.h"

namespace fedqat {
namespace {

constexpr int kBatch = 64;

std::span<float> values(const ParamTensor& tensor, ModelState& state) {
  return std::span(state.params).subspan(tensor.offset, tensor.size);
}

std::span<const float> values(const ParamTensor& tensor, const ModelState& state) {
  return std::span(state.params).subspan(tensor.offset, tensor.size);
}

std::vector<Log2Histogram> observe(const Graph& graph, const InputGrid& input,
                                   const ModelState& state, const Dataset& train,
                                   const Partition& partition, std::uint32_t calibration_samples) {
  Network network(graph, input, kBatch);
  network.load(state);
  std::vector<Log2Histogram> histograms(graph.steps.size());
  std::vector<std::uint8_t> codes;
  for (std::uint32_t client = 0; client < partition.clients(); ++client) {
    const auto samples = partition.samples(client);
    const std::size_t count = std::min<std::size_t>(samples.size(), calibration_samples);
    for (std::size_t begin = 0; begin < count; begin += kBatch) {
      const std::size_t end = std::min<std::size_t>(count, begin + kBatch);
      codes.clear();
      for (std::size_t i = begin; i < end; ++i) {
        const auto sample = train.sample(samples[i]);
        codes.insert(codes.end(), sample.begin(), sample.end());
      }
      network.observe_batch(codes.data(), static_cast<int>(end - begin), histograms);
    }
  }
  return histograms;
}

}  // namespace

Result<PackedModel> quantize_after_training(const NetworkSpec& network, const ModelState& fp32,
                                            const Dataset& train, const Partition& partition,
                                            std::uint32_t calibration_samples) {
  const auto graph = build_graph(network.model, network.quant);
  if (!graph) return graph.error();
  QuantSpec none = network.quant;
  none.weight_bits = none.activation_bits = kFloatBits;
  const auto float_graph = build_graph(network.model, none);
  if (!float_graph) return float_graph.error();
  FEDQAT_CHECK(fp32.params.size() == float_graph->param_count);

  // Both graphs have the same steps; only the quantized one has scales among its parameters.
  ModelState state;
  state.params.resize(graph->param_count);
  for (std::size_t i = 0; i < graph->steps.size(); ++i) {
    const Step& step = graph->steps[i];
    const Step& float_step = float_graph->steps[i];
    const auto copy = [&](int to, int from) {
      const auto source = values(float_graph->params[static_cast<std::size_t>(from)], fp32);
      const auto target = values(graph->params[static_cast<std::size_t>(to)], state);
      FEDQAT_CHECK(source.size() == target.size());
      std::copy(source.begin(), source.end(), target.begin());
    };
    if (step.weight != kNone) copy(step.weight, float_step.weight);
    if (step.bias != kNone) copy(step.bias, float_step.bias);
    if (!step.batch_norm) continue;
    copy(step.gamma, float_step.gamma);
    copy(step.beta, float_step.beta);
    copy(step.running_mean, float_step.running_mean);
    copy(step.running_variance, float_step.running_variance);
  }
  calibrate(*graph,
            observe(*float_graph, network.input, fp32, train, partition, calibration_samples),
            state);
  return pack_model(*graph, state, network.input);
}

}  // namespace fedqat
