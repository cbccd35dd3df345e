#include <time.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "client/cli/bench.h"
#include "client/local_trainer.h"
#include "common/base/exact_math.h"
#include "common/base/memory.h"
#include "common/kernels/multiply_peak.h"
#include "common/nn/engine.h"
#include "common/nn/evaluate.h"
#include "common/wire/model_config.h"

namespace fedqat {
namespace {

constexpr double kMostTrials = 4096;
constexpr double kMostSteps = 1 << 20;

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

using Clock = double (*)();  // seconds

double seconds_by(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}
// The processor's time for this thread: what other programs take does not count.
double cpu_seconds() { return seconds_by(CLOCK_THREAD_CPUTIME_ID); }
double wall_seconds() { return seconds_by(CLOCK_MONOTONIC); }

template <class Work>
double seconds_of(Clock clock, Work work) {
  const double start = clock();
  work();
  return std::max(1e-9, clock() - start);
}

// Calls run(steps) for every repeat, with steps that take about timing.seconds, and fills in mean
// and deviation of the rate. The first calls are not counted: they find caches and clock cold.
template <class Run>
void measure_rate(const BenchTiming& timing, Run run, BenchRow& row) {
  const Clock clock = row.threads > 1 ? wall_seconds : cpu_seconds;
  run(1);
  const double once = seconds_of(clock, [&] { run(1); });
  const int trial = static_cast<int>(std::clamp(timing.seconds / 10 / once, 1.0, kMostTrials));
  const double step = seconds_of(clock, [&] { run(trial); }) / trial;
  const int steps = static_cast<int>(std::clamp(timing.seconds / step, 1.0, kMostSteps));
  std::vector<double> rates;
  for (int i = 0; i < timing.repeats; ++i) {
    rates.push_back(steps * static_cast<double>(row.batch) /
                    seconds_of(clock, [&] { run(steps); }));
  }
  double sum = 0, squares = 0;
  for (const double r : rates) sum += r;
  row.samples_per_s = sum / timing.repeats;
  for (const double r : rates) squares += (r - row.samples_per_s) * (r - row.samples_per_s);
  row.deviation = timing.repeats > 1 ? std::sqrt(squares / (timing.repeats - 1)) : 0;
}

// In GOP/s; 0: not known.
double known(double peak) { return std::isfinite(peak) ? peak / 1e9 : 0; }

struct Peaks {
  double integer = known(measured_peak(multiply_peak(best_isa()), cpu_seconds));
  double real = known(measured_peak(float_multiply_peak(best_isa()), cpu_seconds));
};

LocalTraining training_of(const wire::Config& config) {
  LocalTraining training;
  training.batch = config.client().batch();
  training.learning_rate = 1e-6F;  // nothing is to be learnt
  training.momentum = static_cast<float>(config.client().momentum());
  training.weight_decay = static_cast<float>(config.client().weight_decay());
  training.backward = config.client().backward() == "int8" ? Backward::kInt8 : Backward::kFloat;
  return training;
}

Result<void> measure_training(const Graph& graph, const ModelState& state, const Dataset& data,
                              const wire::Config& config, const BenchTiming& timing,
                              BenchRow& row) {
  Task task;
  task.round = 1;
  task.training = training_of(config);
  row.batch = static_cast<int>(task.training.batch);
  std::vector<std::uint32_t> samples;
  const std::size_t before = heap_bytes();
  LocalTrainer trainer(graph, data.grid, row.threads);
  Result<void> ok;
  const auto run = [&](int steps) {
    samples.resize(static_cast<std::size_t>(steps) * task.training.batch);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      samples[i] = static_cast<std::uint32_t>(i % data.size());
    }
    const auto result = trainer.train(state, task, data, samples);
    if (!result) ok = result.error();
    if (steps == 1 && row.memory_bytes == 0 && heap_bytes() > before) {
      row.memory_bytes = heap_bytes() - before;  // the update still counts
    }
  };
  measure_rate(timing, run, row);
  row.gop_per_s = row.samples_per_s * static_cast<double>(training_operations(graph)) / 1e9;
  return ok;
}

// Rows for batches of 1 and of config.client.batch. `row` has what all of them have.
Result<void> measure_inference(const BenchModel& model, const Graph& graph, const ModelState& state,
                               const wire::Config& config, const BenchTiming& timing, BenchRow row,
                               const BenchSink& sink) {
  const int batch = static_cast<int>(config.client().batch());
  auto engine = Engine::make(deployed_model(graph, state, model.network.input), batch,
                             backend_from_config(config));
  if (!engine) return engine.error();
  std::vector<std::uint8_t> codes;
  for (int i = 0; i < batch; ++i) {
    const auto sample = model.data.sample(static_cast<std::size_t>(i) % model.data.size());
    codes.insert(codes.end(), sample.begin(), sample.end());
  }
  for (const int b : std::set{1, batch}) {
    row.batch = b;
    const auto run = [&](int steps) {
      for (int i = 0; i < steps; ++i) engine->run(codes.data(), b);
    };
    measure_rate(timing, run, row);
    row.gop_per_s = row.samples_per_s * 2 * static_cast<double>(graph.macs) / 1e9;
    sink(row);
  }
  return {};
}

}  // namespace

std::uint64_t training_operations(const Graph& graph) {
  std::uint64_t operations = 6 * graph.macs;
  for (const Step& s : graph.steps) {
    if (s.has_weights() && s.inputs[0] == 0) operations -= 2 * s.macs;
  }
  return operations;
}

Result<void> measure(const BenchModel& model, const wire::Config& config, const BenchTiming& timing,
                     const BenchSink& sink) {
  const auto graph = build_graph(model.network.model, model.network.quant);
  if (!graph) return graph.error();
  static const Peaks peaks;
  ModelState state = init_model(*graph, 1);
  const bool quantized = !graph->quant.is_float();
  const bool builtin = backend_from_config(config) == Backend::kBuiltin;
  const std::string bits = !quantized ? "fp32"
                                      : "W" + std::to_string(graph->quant.weight_bits) + "A" +
                                            std::to_string(graph->quant.activation_bits);
  BenchRow row{.model = model.name, .test = "train fp32", .isa = std::string(isa_name(best_isa()))};
  const auto train = [&]() -> Result<void> {
    row.memory_bytes = 0;
    if (!builtin) return {};
    if (auto ok = measure_training(*graph, state, model.data, config, timing, row); !ok) return ok;
    sink(row);
    return {};
  };
  row.peak_gop_per_s = peaks.real;
  if (auto ok = train(); !ok) return ok;
  if (quantized) {
    quantize_somehow(*graph, state);
    row.test = "train " + bits;
    row.peak_gop_per_s = peaks.integer;
    if (auto ok = train(); !ok) return ok;
    row.threads = static_cast<int>(config.duty().threads());
    if (row.threads > 1) {
      if (auto ok = train(); !ok) return ok;
    }
    row.threads = 1;
  }
  row.test = "infer " + bits;
  row.memory_bytes = 0;
  if (!builtin) row.isa = config.sim().backend();
  return measure_inference(model, *graph, state, config, timing, row, sink);
}

}  // namespace fedqat
