#include "sim/mixed/sensitivity.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "common/base/exact_math.h"
#include "common/nn/batch_norm.h"
#include "sim/ptq/bias_correction.h"
#include "sim/ptq/calibration_data.h"
#include "sim/ptq/copy_weights.h"

namespace fedqat {
namespace {

constexpr std::size_t kMostSamples = 4096;

// y: logarithms of the softmax of x.
void log_softmax(std::span<const float> x, std::vector<double>& y) {
  const double most = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (const float v : x) sum += exact_exp(v - most);
  const double log_sum = exact_log(sum);
  y.clear();
  for (const float v : x) y.push_back(v - most - log_sum);
}

// Mean over samples of KL(softmax(p) || softmax(q)).
double mean_divergence(std::span<const float> p, std::span<const float> q, std::size_t classes) {
  std::vector<double> a, b;
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); i += classes) {
    log_softmax(p.subspan(i, classes), a);
    log_softmax(q.subspan(i, classes), b);
    for (std::size_t c = 0; c < classes; ++c) sum += exact_exp(a[c]) * (a[c] - b[c]);
  }
  return std::max(0.0, sum / static_cast<double>(p.size() / classes));
}

}  // namespace

std::uint64_t packed_bytes(std::size_t weights, int bits) {
  return (std::uint64_t{weights} * static_cast<std::uint64_t>(bits) + 7) / 8;
}

std::vector<LayerWidths> layer_widths(const Graph& graph) {
  std::vector<LayerWidths> layers;
  for (const Step& s : graph.steps) {
    if (!s.has_weights()) continue;
    LayerWidths layer{s.name, graph.params[static_cast<std::size_t>(s.weight)].size, {}};
    for (const int bits : kMixedWidths) {
      layer.widths.push_back({.bits = bits, .bytes = packed_bytes(layer.weights, bits)});
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

Result<std::vector<LayerWidths>> measure_sensitivity(
    const NetworkSpec& network, const ModelState& trained, const Dataset& train,
    const Partition& partition, const Calibration& calibration, std::uint32_t samples) {
  const QuantSpec none = network.quant.in_fp32();
  const auto trained_graph = build_graph(network.model, none);
  if (!trained_graph) return trained_graph.error();
  const auto graph = build_graph(without_batch_norm(network.model), none);
  if (!graph) return graph.error();
  ModelState folded = trained;
  fold_batch_norm(*trained_graph, folded.params);
  folded = copy_weights(*trained_graph, folded, *graph);
  CalibrationData data(*graph, network.input, folded, train, partition, samples);
  const std::vector<float> expected = data.logits(folded.params, kMostSamples);

  std::vector<LayerWidths> layers = layer_widths(*graph);
  std::vector<std::size_t> steps;  // of each layer
  for (std::size_t i = 0; i < graph->steps.size(); ++i) {
    if (graph->steps[i].has_weights()) steps.push_back(i);
  }
  for (std::size_t w = 0; w < std::size(kMixedWidths); ++w) {
    const int bits = kMixedWidths[w];
    QuantSpec quant = none;  // weights alone have scales
    quant.weight_bits = quant.edge_bits = bits;
    const auto rounded_graph = build_graph(graph->spec, quant);
    if (!rounded_graph) return rounded_graph.error();
    ModelState state = copy_weights(*graph, folded, *rounded_graph);
    calibrate(*rounded_graph, std::vector<Log2Histogram>(graph->steps.size()), calibration, state);
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const auto weight = static_cast<std::size_t>(graph->steps[steps[l]].weight);
      const auto rounded =
          rounded_weights(*rounded_graph, rounded_graph->steps[steps[l]], state.params);
      std::vector<float> params = folded.params;
      std::copy(rounded.begin(), rounded.end(),
                params.begin() + static_cast<std::ptrdiff_t>(graph->params[weight].offset));
      const auto got = data.logits(params, kMostSamples);
      layers[l].widths[w].sensitivity =
          mean_divergence(expected, got, static_cast<std::size_t>(graph->spec.classes));
    }
  }
  return layers;
}

}  // namespace fedqat
