// Cost of a training step in the same binary and run: fp32, quantized with fp32 gradients (float),
// and with integer ones (int8):
//   train_step --benchmark_filter=lenet5
#include <benchmark/benchmark.h>

#include <string>

#include "common/nn/network.h"
#include "tests/support/random_data.h"

namespace {

using namespace fedqat;

struct Model {
  const char* name;
  Shape input;
  int classes;
};

constexpr Model kModels[] = {
    {"mlp-256-128", {28, 28, 1}, 10}, {"lenet5", {28, 28, 1}, 10},    {"cnn", {28, 28, 1}, 10},
    {"femnist-cnn", {28, 28, 1}, 10}, {"cifar-cnn", {32, 32, 3}, 10}, {"digits-cnn", {8, 8, 1}, 10},
    {"resnet8", {32, 32, 3}, 10},     {"ds-cnn", {49, 10, 1}, 12},
};

constexpr int kBatch = 32;

struct Mode {
  const char* name;
  bool integers;
  Backward backward;
};

constexpr Mode kModes[] = {{"fp32", false, Backward::kFloat},
                           {"float", true, Backward::kFloat},
                           {"int8", true, Backward::kInt8}};

void train_step(benchmark::State& bench, const Model& model, const Mode& mode) {
  const auto graph = build_graph(*model_from_zoo(model.name, model.input, model.classes), {});
  const Dataset data = blob_dataset(model.input, model.classes, kBatch, 1);
  ModelState state = init_model(*graph, 1);
  if (mode.integers) state = calibrated(*graph, state, data);
  Network net(*graph, data.grid, kBatch, mode.backward);
  net.load(state);
  const auto params = net.params();
  for (auto _ : bench) {
    net.train_batch(data.codes.data(), data.labels.data(), kBatch);
    const auto grads = net.grads();
    for (std::size_t i = 0; i < params.size(); ++i) params[i] -= 1e-4F * grads[i];
    benchmark::ClobberMemory();
  }
  bench.SetItemsProcessed(bench.iterations() * kBatch);
}

}  // namespace

int main(int argc, char** argv) {
  for (const Model& m : kModels) {
    for (const Mode& mode : kModes) {
      const std::string name = std::string(m.name) + "/" + mode.name;
      benchmark::RegisterBenchmark(name.c_str(),
                                   [&](benchmark::State& s) { train_step(s, m, mode); });
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
