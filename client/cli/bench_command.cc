#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "client/cli/commands.h"
#include "client/local_trainer.h"
#include "common/base/exact_math.h"
#include "common/base/isa.h"
#include "common/base/rng.h"
#include "common/cli/exit_code.h"
#include "common/nn/evaluate.h"
#include "common/nn/latency.h"
#include "common/wire/config.h"
#include "common/wire/model_config.h"

namespace fedqat {
namespace {

constexpr double kTrainSeconds = 1;
constexpr std::uint32_t kSyntheticSamples = 256;

// Noise: a step takes as long whatever is learnt.
Dataset synthetic(const Shape& shape, int classes, const InputGrid& grid) {
  Dataset data{"synthetic", shape, classes, grid, {}, {}, {}};
  Rng rng({1, 0, 0, Purpose::kTest});
  data.codes.resize(kSyntheticSamples * shape.size());
  for (auto& c : data.codes) c = static_cast<std::uint8_t>(rng.below(256));
  for (std::uint32_t i = 0; i < kSyntheticSamples; ++i) {
    data.labels.push_back(
        static_cast<std::uint8_t>(rng.below(static_cast<std::uint32_t>(classes))));
  }
  return data;
}

// Some scales, so that passes run on integers.
void quantize_somehow(const Graph& graph, ModelState& state) {
  constexpr float kActivationScale = 1.0F / 16;
  state.quantized = true;
  for (std::size_t i = 0; i < graph.steps.size(); ++i) {
    const Step& s = graph.steps[i];
    if (s.activation_scale != kNone) {
      const auto& p = graph.params[static_cast<std::size_t>(s.activation_scale)];
      state.params[p.offset] = static_cast<float>(exact_log2(kActivationScale));
      state.zero_points[i] = s.relu ? 0 : 1 << (s.activation_bits - 1);
    }
    if (s.weight_scale == kNone) continue;
    const auto& w = graph.params[static_cast<std::size_t>(s.weight)];
    const auto& t = graph.params[static_cast<std::size_t>(s.weight_scale)];
    float most = 1e-6F;
    for (std::size_t k = 0; k < w.size; ++k)
      most = std::max(most, std::abs(state.params[w.offset + k]));
    const float scale = most / static_cast<float>((1 << (s.weight_bits - 1)) - 1);
    std::fill_n(state.params.begin() + static_cast<std::ptrdiff_t>(t.offset), t.size,
                static_cast<float>(exact_log2(scale)));
  }
}

// Samples a second of one thread; 0 after an error.
Result<double> training_rate(const Graph& graph, const ModelState& state, const Dataset& data,
                             const wire::ClientConfig& config) {
  LocalTrainer trainer(graph, data.grid);
  Task task;
  task.round = 1;
  task.training.batch = config.batch();
  task.training.backward = config.backward() == "int8" ? Backward::kInt8 : Backward::kFloat;
  task.training.learning_rate = 1e-6F;
  std::vector<std::uint32_t> samples(std::min<std::size_t>(data.size(), kSyntheticSamples));
  std::iota(samples.begin(), samples.end(), 0U);
  double seconds = 0, trained = 0;
  while (seconds < kTrainSeconds) {
    const auto start = std::chrono::steady_clock::now();
    const auto result = trainer.train(state, task, data, samples);
    if (!result) return result.error();
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    trained += static_cast<double>(result->seen);
  }
  return trained / seconds;
}

Result<Dataset> bench_data(Fs& fs, const wire::Config& config, const BenchOptions& options) {
  auto data = load_config_data(fs, config, options.input);
  if (data) return std::move(data->train);
  if (!options.synthetic) return data.error();
  // The shapes of what is not there.
  const std::string& name = config.data().name();
  if (config.model().name() == "ds-cnn") return synthetic({49, 10, 1}, 12, {});
  const bool colour = name == "cifar10";
  const Shape shape = colour ? Shape{32, 32, 3} : Shape{28, 28, 1};
  return synthetic(shape, name == "letters" ? 26 : 10, {});
}

}  // namespace

int bench_command(const BenchOptions& options, Fs& fs) {
  const auto config = client_config(fs, options.input);
  if (!config) return complain(config.error());
  const auto data = bench_data(fs, *config, options);
  if (!data) return complain(data.error());
  const auto network = network_from_config(*config, data->shape, data->classes, data->grid);
  if (!network) return complain(network.error());
  const auto graph = build_graph(network->model, network->quant);
  if (!graph) return complain(graph.error());
  ModelState state = init_model(*graph, 1);
  const auto fp32 = training_rate(*graph, state, *data, config->client());
  if (!fp32) return complain(fp32.error());
  const bool quantized = !graph->quant.is_float();
  if (quantized) quantize_somehow(*graph, state);
  const auto rate = training_rate(*graph, state, *data, config->client());
  if (!rate) return complain(rate.error());
  constexpr int kBatch = 32;
  auto engine = Engine::make(deployed_model(*graph, state, network->input), kBatch);
  if (!engine) return complain(engine.error());
  const double one_us = latency_us(*engine, *data, 1), many_us = latency_us(*engine, *data, kBatch);
  const auto isa = std::string(isa_name(best_isa()));
  if (options.json) {
    const nlohmann::ordered_json j = {
        {"network", network->model.name},    {"isa", isa},
        {"parameters", graph->weight_count}, {"batch", config->client().batch()},
        {"warmup_samples_per_s", *fp32},     {"training_samples_per_s", *rate},
        {"latency_us_batch_1", one_us},      {"latency_us_batch_32", many_us}};
    std::printf("%s\n", j.dump(2).c_str());
    return kExitOk;
  }
  std::printf("%s, %zu parameters, %s, one thread\n", network->model.name.c_str(),
              graph->weight_count, isa.c_str());
  std::printf("training, fp32       %9.0f samples/s (batches of %u)\n", *fp32,
              config->client().batch());
  if (quantized) std::printf("training, quantized  %9.0f samples/s\n", *rate);
  std::printf("inference            %9.1f us a sample, %.1f us for %d\n", one_us, many_us, kBatch);
  return kExitOk;
}

}  // namespace fedqat
