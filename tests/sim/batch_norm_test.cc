// A network with depthwise layers and batch normalization through a whole federation: warm-up on
// batch statistics, folded where the run passes to integers, deployed without a trace of it.
#include <catch2/catch.hpp>

#include "common/data/digits.h"
#include "common/nn/engine.h"
#include "common/nn/network.h"
#include "common/wire/config.h"
#include "common/wire/model_config.h"
#include "common/wire/model_file.h"
#include "sim/compare.h"
#include "sim/run.h"

using namespace fedqat;

namespace {

const DataSplit& digits() {
  static const DataSplit data = load_digits();
  return data;
}

wire::Config separable_run(const char* more) {
  const std::string toml = R"(
[run]
rounds = 12
[partition]
clients = 6
[round]
clients = 6
[client]
epochs = 2
batch = 16
[quant]
warmup_rounds = 6
)" + std::string(more) + R"(
[[model.layers]]
op = "conv2d"
units = 16
kernel = 3
padding = 1
[[model.layers]]
op = "batch_norm"
[[model.layers]]
op = "relu"
[[model.layers]]
op = "depthwise_conv2d"
kernel = 3
padding = 1
[[model.layers]]
op = "batch_norm"
[[model.layers]]
op = "relu"
[[model.layers]]
op = "conv2d"
units = 24
kernel = 1
[[model.layers]]
op = "batch_norm"
[[model.layers]]
op = "relu"
[[model.layers]]
op = "avg_pool"
kernel = 2
[[model.layers]]
op = "dense"
units = 10
)";
  auto config = parse_config(toml, "test", {});
  if (!config) FAIL(config.error().what);
  return *config;
}

}  // namespace

TEST_CASE("batch_norm: a federation learns with it, folds it, and deploys what it trained") {
  const auto config = separable_run("");
  const auto outcome = run_federation(config, digits(), {});
  if (!outcome) FAIL(outcome.error().what);
  const RunReport& r = outcome->report;
  REQUIRE(r.rounds[5].phase == "observe");
  CHECK(r.rounds[4].test_accuracy > 0.8);                               // on running statistics
  CHECK(r.rounds[5].test_accuracy > r.rounds[4].test_accuracy - 0.05);  // folded, in integers
  CHECK(r.final_accuracy > 0.9);
  CHECK(r.rounds[8].bytes_up < r.rounds[4].bytes_up);  // statistics are not sent any more

  auto packed = decode_model(outcome->model_file, "model.fedqat");
  REQUIRE(packed);
  for (const NodeSpec& node : packed->spec.nodes) CHECK(node.op != Op::kBatchNorm);
  const auto& grid = digits().train.grid;
  const auto network = network_from_config(config, digits().train.shape, 10, grid);
  REQUIRE(network);
  const auto graph = build_graph(network->model, network->quant);
  REQUIRE(graph);
  Network trainer(*graph, grid, 64);
  trainer.load(outcome->state);
  trainer.infer_batch(digits().test.codes.data(), 64);
  auto engine = Engine::make(std::move(*packed), 64);
  REQUIRE(engine);
  const auto codes = engine->run(digits().test.codes.data(), 64);
  for (std::size_t i = 0; i < codes.size(); ++i) REQUIRE(codes[i] == trainer.output_codes()[i]);
}

TEST_CASE("batch_norm: a run that stays fp32 deploys it folded, and ptq starts from that") {
  const auto config =
      separable_run("[compare]\ntechniques = [\"fp32\", \"ptq\"]\nbits = [8]\nseeds = 1\n");
  const auto outcome = compare_techniques(
      config, digits(), [](const std::string&, const RunReport&, std::uint32_t) { return true; });
  REQUIRE(outcome);
  const auto& rows = outcome->report.rows;
  CHECK(rows[0].mean() > 0.9);
  CHECK(rows[1].mean() > rows[0].mean() - 0.02);
}

TEST_CASE("batch_norm: the same seed gives the same model on any number of threads") {
  auto config = separable_run("");
  config.mutable_run()->set_rounds(8);
  config.mutable_sim()->set_threads(1);
  const auto one = run_federation(config, digits(), {});
  config.mutable_sim()->set_threads(3);
  const auto three = run_federation(config, digits(), {});
  REQUIRE(one);
  REQUIRE(three);
  CHECK(one->model_file == three->model_file);
}
