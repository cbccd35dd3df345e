// Bits chosen under a budget: the best choice there is, from what layers really cost.
#include <algorithm>
#include <catch2/catch.hpp>

#include "common/base/rng.h"
#include "common/data/digits.h"
#include "common/nn/network.h"
#include "common/wire/config.h"
#include "common/wire/model_config.h"
#include "common/wire/partition_config.h"
#include "sim/compare_rows.h"
#include "sim/mixed/search.h"
#include "sim/run.h"

using namespace fedqat;

namespace {

using Options = std::vector<std::vector<WidthOption>>;

// The least sum under the budget, or a negative number, by trying all.
double brute_force(const Options& layers, std::uint64_t budget) {
  double best = -1;
  std::vector<std::size_t> at(layers.size(), 0);
  while (true) {
    std::uint64_t bytes = 0;
    double sum = 0;
    for (std::size_t l = 0; l < layers.size(); ++l) {
      bytes += layers[l][at[l]].bytes;
      sum += layers[l][at[l]].sensitivity;
    }
    if (bytes <= budget && (best < 0 || sum < best)) best = sum;
    std::size_t l = 0;
    while (l < at.size() && ++at[l] == layers[l].size()) at[l++] = 0;
    if (l == at.size()) return best;
  }
}

Options random_options(Rng& rng) {
  Options layers(1 + rng.below(5));
  for (auto& options : layers) {
    const std::uint64_t weights = 1 + rng.below(400);
    for (const int bits : kMixedWidths) {
      // Noise: more bits may cost more. Eighths add up exactly.
      options.push_back({.bits = bits,
                         .bytes = packed_bytes(weights, bits),
                         .sensitivity = (8 - bits) * 4 + rng.below(200) / 8.0});
    }
  }
  return layers;
}

}  // namespace

TEST_CASE("mixed: the chosen bits are as good as those of a search of all choices") {
  Rng rng({.seed = 31});
  int fits = 0;
  for (int trial = 0; trial < 400; ++trial) {
    const Options layers = random_options(rng);
    std::uint64_t most = 0;
    for (const auto& options : layers) most += options.front().bytes;
    const std::uint64_t budget = rng.below(static_cast<std::uint32_t>(most + 50));
    const double best = brute_force(layers, budget);
    const auto chosen = choose_bits(layers, budget);
    REQUIRE(chosen.operator bool() == (best >= 0));
    if (!chosen) {
      CHECK_THAT(chosen.error().what, Catch::Contains("; raise it"));
      continue;
    }
    ++fits;
    std::uint64_t bytes = 0;
    double sum = 0;
    for (std::size_t l = 0; l < layers.size(); ++l) {
      bytes += layers[l][(*chosen)[l]].bytes;
      sum += layers[l][(*chosen)[l]].sensitivity;
    }
    CHECK(bytes <= budget);
    CHECK(sum == best);
  }
  CHECK(fits > 100);
}

TEST_CASE("mixed: a budget of bits a weight holds the uniform choice exactly") {
  std::vector<LayerWidths> layers;
  for (const std::size_t weights : {3U, 150U, 2401U}) {
    LayerWidths l{.layer = "fc" + std::to_string(weights), .weights = weights, .widths = {}};
    for (const int bits : kMixedWidths) {
      l.widths.push_back({bits, packed_bytes(weights, bits), 1.0 / bits});
    }
    layers.push_back(std::move(l));
  }
  for (const int bits : kMixedWidths) {
    const auto choice = search_bits(layers, budget_of(layers, bits));
    REQUIRE(choice);
    CHECK(choice->bytes <= choice->budget_bytes);
    std::uint64_t uniform = 0;
    for (const LayerWidths& l : layers) uniform += packed_bytes(l.weights, bits);
    CHECK(choice->budget_bytes == uniform);
    CHECK(choice->sensitivity <= 3.0 / bits + 1e-9);
  }
  CHECK_FALSE(search_bits(layers, budget_of(layers, 1.5)));
}

TEST_CASE("mixed: from a federation on the digits to a model whose layers have the chosen bits") {
  const DataSplit& data = load_digits();
  wire::Config config;
  config.mutable_run()->set_rounds(6);
  config.mutable_model()->set_name("digits-cnn");
  config.mutable_quant()->set_warmup_rounds(2);
  config.mutable_client()->set_batch(16);
  const auto fp32 = run_federation(fp32_config(config), data, {});
  REQUIRE(fp32);
  const auto network =
      network_from_config(config, data.train.shape, data.train.classes, data.train.grid);
  const auto partition = partition_from_config(config, data.train);
  REQUIRE((network && partition));
  const auto measure = [&](std::uint32_t samples) {
    auto layers = measure_sensitivity(*network, fp32->state, data.train, *partition,
                                      calibration_from_config(config), samples);
    REQUIRE(layers);
    return *layers;
  };
  const auto layers = measure(512);
  REQUIRE(layers.size() == 4);
  for (const LayerWidths& l : layers) {
    INFO(l.layer);
    REQUIRE(l.widths.size() == 6);
    CHECK(l.widths[0].sensitivity >= 0);
    CHECK(l.widths[0].sensitivity < l.widths[4].sensitivity);  // 8 bits against 3
    CHECK(l.widths[3].sensitivity < l.widths[5].sensitivity);  // 4 against 2
  }
  CHECK(measure(512)[2].widths[5].sensitivity == layers[2].widths[5].sensitivity);

  const auto choice = search_bits(layers, budget_of(layers, 3));
  REQUIRE(choice);
  double uniform = 0;
  for (const LayerWidths& l : layers) uniform += l.widths[4].sensitivity;
  CHECK(choice->sensitivity <= uniform);
  const auto mixed = parse_config(effective_toml(config), "t.toml",
                                  std::vector<std::string>{"quant." + layer_bits_toml(*choice)});
  REQUIRE(mixed);
  const auto run = run_federation(*mixed, data, {});
  REQUIRE(run);
  const auto graph = build_graph(run->model.spec, run->model.quant);
  REQUIRE(graph);
  std::size_t layer = 0;
  for (const Step& s : graph->steps) {
    if (!s.has_weights()) continue;
    CHECK(s.weight_bits == choice->layers[layer].widths[choice->chosen[layer]].bits);
    ++layer;
  }
  CHECK(run->report.layer_bits.size() == layers.size());
  CHECK(run->report.final_accuracy > 0.7);
  CHECK(run->report.bytes_packed < choice->bytes + 6000);
  const std::string table = bits_table(*choice);
  CHECK_THAT(table,
             Catch::Contains("conv1") && Catch::Contains("chosen") && Catch::Contains("all at 3"));
}
