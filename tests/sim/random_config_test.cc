// Configs that nobody wrote: each is refused with a remedy, or trains, with any number of threads
// to the same model. FEDQAT_RANDOM_CONFIGS=2000 runs so many instead of a sample.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "common/data/digits.h"
#include "common/wire/config.h"
#include "sim/run.h"

using namespace fedqat;

namespace {

struct Choice {
  const char* key;
  std::vector<const char*> values;  // as in TOML; one given twice is twice as likely
};

const std::vector<Choice>& choices() {
  static const std::vector<Choice> table = {
      {"run.rounds", {"3", "4", "6"}},
      {"data.max_train_samples", {"0", "50", "300"}},
      {"data.max_test_samples", {"0", "40"}},
      {"partition.kind", {"'iid'", "'dirichlet'", "'shards'", "'quantity'"}},
      {"partition.clients", {"5", "7", "20"}},
      {"partition.alpha", {"0.1", "0.5", "5.0"}},
      {"quant.weight_bits", {"2", "3", "4", "5", "7", "8", "8", "32"}},
      {"quant.activation_bits", {"2", "3", "4", "6", "8", "8"}},
      {"quant.edge_bits", {"2", "4", "8", "8"}},
      {"quant.warmup_rounds", {"1", "1", "2", "4"}},
      {"quant.freeze_rounds", {"0", "0", "1"}},
      {"quant.calibrator", {"'mse'", "'minmax'", "'percentile'", "'octav'", "'entropy'"}},
      {"quant.scale_rule", {"'histogram'", "'mean'", "'log-mean'", "'max'", "'min-max'"}},
      {"quant.weight_scales", {"channel", "channel", "tensor"}},
      {"quant.activation_scales",
       {"lsq", "lsq", "lsq", "lsq+", "pact", "tqt", "ema", "percentile"}},
      {"quant.kure", {"0", "0", "0", "0.5"}},
      {"quant.calibration_samples", {"1", "16", "512"}},
      {"client.batch", {"1", "7", "32", "100"}},
      {"client.learning_rate", {"0.001", "0.05", "0.3"}},
      {"client.momentum", {"0.0", "0.9"}},
      {"client.weight_decay", {"0.0", "0.001"}},
      {"client.backward", {"'int8'", "'float'"}},
      {"server.strategy", {"'fedavg'", "'fedprox'", "'fedavgm'", "'fedadam'"}},
      {"server.learning_rate", {"1.0", "0.01"}},
      {"round.clients", {"1", "3", "5"}},
      {"round.over_selection", {"1.0", "1.5"}},
      {"round.quorum", {"0.3", "1.0"}},
      {"round.max_staleness", {"0", "0", "0", "3"}},
      {"codec.uplink", {"'uniform'", "'eden'", "'dither'", "'top-k'"}},
      {"codec.uplink_bits", {"0.5", "1.0", "2.0", "3.0", "4.0", "5.0", "8.0", "32.0"}},
      {"codec.bit_schedule",
       {"fixed", "fixed", "fixed", "fixed", "fixed", "fixed", "fixed", "range"}},
      {"codec.downlink", {"whole", "difference"}},
      {"codec.downlink_bits", {"2", "4", "8", "32"}},
      {"codec.downlink_scale", {"max", "max", "max", "max", "fit"}},
      {"codec.downlink_nearest", {"1", "1", "1", "1", "1", "0.7", "0"}},
      {"sim.dropout", {"0.0", "0.0", "0.3"}},
      {"sim.slow_share", {"0.0", "0.2"}},
  };
  return table;
}

class Draw {
 public:
  explicit Draw(unsigned seed) : random_(seed) {}
  std::size_t below(std::size_t n) { return random_() % n; }
  template <class T>
  const T& of(const std::vector<T>& values) {
    return values[below(values.size())];
  }

 private:
  std::mt19937 random_;
};

// Convolutions and pools on the 8 x 8 digits, then dense layers.
std::string layers(Draw& draw) {
  std::string toml;
  const auto layer = [&](const std::string& op, const std::string& rest = "") {
    toml += "[[model.layers]]\nop = \"" + op + "\"\n" + rest;
  };
  for (std::size_t side = 8, n = draw.below(4); n > 0; --n) {
    const std::size_t kind = draw.below(4);
    if (kind == 0 && side >= 4) {
      layer(draw.below(2) == 0 ? "max_pool" : "avg_pool", "kernel = 2\n");
      side /= 2;
      continue;
    }
    const std::size_t kernel = side < 3 || draw.below(2) == 0 ? 1 : 3;
    const std::size_t padding = draw.below(2) * (kernel / 2);
    const std::string window =
        "kernel = " + std::to_string(kernel) + "\npadding = " + std::to_string(padding) + "\n";
    static const std::vector<const char*> kUnits = {"1", "3", "5", "8", "17"};
    if (kind == 1) layer("depthwise_conv2d", window);
    if (kind != 1) layer("conv2d", window + "units = " + draw.of(kUnits) + "\n");
    side = side + 2 * padding - kernel + 1;
    if (draw.below(3) == 0) layer("batch_norm");
    if (draw.below(3) != 0) layer("relu");
  }
  layer("flatten");
  static const std::vector<const char*> kWidths = {"1", "7", "33"};
  if (draw.below(2) == 0) layer("dense", std::string("units = ") + draw.of(kWidths) + "\n");
  if (draw.below(2) == 0) layer("relu");
  layer("dense", "name = \"out\"\nunits = 10\n");
  return toml;
}

std::vector<std::string> settings(Draw& draw) {
  std::vector<std::string> set;
  for (const Choice& c : choices()) set.push_back(std::string(c.key) + "=" + draw.of(c.values));
  return set;
}

bool has_remedy(const Error& e) { return e.what.find("; ") != std::string::npos; }

// What learning rates and drop-outs may do to a run; no update of an honest client is refused.
bool is_bad_luck(const Error& e) {
  const auto says = [&](const char* what) { return e.what.find(what) != std::string::npos; };
  return says("diverged") || (says("of a quorum") && !says("last client"));
}

}  // namespace

TEST_CASE("random configs: refused with a remedy, or the same model with any number of threads") {
  const DataSplit& data = load_digits();
  const char* wanted = std::getenv("FEDQAT_RANDOM_CONFIGS");
  const unsigned count = wanted != nullptr ? static_cast<unsigned>(std::atoi(wanted)) : 100;
  unsigned trained = 0;
  for (unsigned seed = 0; seed < count; ++seed) {
    Draw draw(seed);
    std::vector<std::string> set = settings(draw);
    std::string toml = "[run]\nseed = " + std::to_string(seed) + "\n[model]\n";
    static const std::vector<const char*> kZoo = {"softmax", "mlp-64", "digits-cnn"};
    const bool own = draw.below(3) != 0;
    toml +=
        own ? "name = \"own\"\n" + layers(draw) : std::string("name = \"") + draw.of(kZoo) + "\"\n";
    static const std::vector<const char*> kLayerBits = {"out=3", "out=2:5", "out=:4"};
    if (own && draw.below(3) == 0) {
      set.push_back(std::string("quant.layer_bits=['") + draw.of(kLayerBits) + "']");
    }
    std::string sets;
    for (const std::string& s : set) sets += s + "\n";
    INFO("seed " << seed << "\n" << sets << toml);
    auto config = parse_config(toml, "random.toml", set);
    if (!config) {
      CHECK(has_remedy(config.error()));
      continue;
    }
    std::string sha256[2];
    for (const int threads : {1, 3}) {
      config->mutable_sim()->set_threads(static_cast<std::uint32_t>(threads));
      const auto outcome = run_federation(*config, data, {});
      if (!outcome) {
        CHECK(has_remedy(outcome.error()));
        if (outcome.error().code != Errc::kInvalid) CHECK(is_bad_luck(outcome.error()));
        sha256[threads / 2] = outcome.error().what;
        continue;
      }
      trained += threads == 1 ? 1 : 0;
      sha256[threads / 2] = outcome->report.model_sha256;
    }
    CHECK(sha256[0] == sha256[1]);
  }
  CHECK(trained > count / 4);
}
