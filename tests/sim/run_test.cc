#include "sim/run.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>

#include "common/crypto/sha256.h"
#include "common/data/digits.h"
#include "common/nn/evaluate.h"
#include "common/wire/config.h"
#include "common/wire/model_file.h"

using namespace fedqat;

namespace {

const DataSplit& digits() {
  static const DataSplit data = load_digits();
  return data;
}

wire::Config small_run() {
  wire::Config c;
  c.mutable_run()->set_rounds(8);
  c.mutable_partition()->set_clients(20);
  c.mutable_round()->set_clients(6);
  c.mutable_client()->set_epochs(2);
  c.mutable_client()->set_batch(16);
  c.mutable_sim()->set_threads(2);
  return c;
}

RunOutcome run(const wire::Config& config) {
  auto outcome = run_federation(config, digits(), {});
  if (!outcome) FAIL(outcome.error().what);
  return std::move(*outcome);
}

}  // namespace

TEST_CASE("run: a federation learns the digits, in fp32 first and then in integers") {
  auto config = small_run();
  config.mutable_run()->set_rounds(15);
  const RunOutcome outcome = run(config);
  const RunReport& r = outcome.report;
  REQUIRE(r.rounds.size() == 15);
  REQUIRE(r.rounds[0].phase == "warmup");
  REQUIRE(r.rounds[2].phase == "observe");
  REQUIRE(r.rounds[3].phase == "quantized");
  REQUIRE(r.final_accuracy > 0.9);
  REQUIRE(r.rounds[14].train_loss < 0.5 * r.rounds[0].train_loss);
  REQUIRE(r.class_recall.size() == 10);
  REQUIRE(r.bytes_packed == outcome.model_file.size());
  REQUIRE(r.bytes_packed < r.bytes_fp32 / 2);
  REQUIRE(r.rounds[5].activation_log2_scales.size() == r.activation_names.size());
  REQUIRE(r.rounds[5].weight_log2_scales.size() == r.weight_names.size());
  std::uint64_t up = 0;
  for (const RoundReport& round : r.rounds) up += round.bytes_up;
  REQUIRE(up == r.bytes_up);
}

TEST_CASE("run: the quickstart learns as well with integer gradients as with fp32 ones") {
  std::ifstream file(FEDQAT_SOURCE_DIR "/configs/quickstart.toml");
  const std::string toml{std::istreambuf_iterator<char>(file), {}};
  double accuracy[2] = {};
  for (const bool int8 : {false, true}) {
    auto config = parse_config(toml, "quickstart.toml", {});
    REQUIRE(config);
    config->mutable_run()->set_rounds(30);
    config->mutable_client()->set_backward(int8 ? "int8" : "float");
    accuracy[int8 ? 1 : 0] = run(*config).report.final_accuracy;
  }
  CHECK(accuracy[0] > 0.95);
  CHECK(std::abs(accuracy[1] - accuracy[0]) < 0.01);  // 1 % is 4 test samples
}

TEST_CASE("run: the published file is the model that was evaluated") {
  const RunOutcome outcome = run(small_run());
  REQUIRE(to_hex(sha256(outcome.model_file)) == outcome.report.model_sha256);
  const auto model = decode_model(outcome.model_file, "model.fedqat");
  REQUIRE(model);
  ThreadPool pool(1);
  REQUIRE(evaluate(*model, digits().test, pool)->accuracy() == outcome.report.final_accuracy);
}

TEST_CASE("run: the same seed gives the same bytes on any number of threads") {
  auto config = small_run();
  config.mutable_sim()->set_dropout(0.2);
  config.mutable_round()->set_over_selection(1.5);
  const RunOutcome want = run(config);
  for (const std::uint32_t threads : {1U, 2U, 8U}) {
    config.mutable_sim()->set_threads(threads);
    const RunOutcome got = run(config);
    REQUIRE(got.model_file == want.model_file);
    REQUIRE(got.report.bytes_up == want.report.bytes_up);
    REQUIRE(got.report.bytes_down == want.report.bytes_down);
    for (std::size_t i = 0; i < want.report.rounds.size(); ++i) {
      REQUIRE(got.report.rounds[i].test_loss == want.report.rounds[i].test_loss);
      REQUIRE(got.report.rounds[i].virtual_seconds == want.report.rounds[i].virtual_seconds);
    }
  }
  config.mutable_run()->set_seed(2);
  REQUIRE(run(config).model_file != want.model_file);
}

TEST_CASE("run: each rule for common activation ranges gives its own model, on any threads") {
  auto config = small_run();
  std::vector<Digest> models;
  for (const char* rule : {"histogram", "mean", "log-mean", "max", "min-max"}) {
    config.mutable_quant()->set_scale_rule(rule);
    models.push_back(sha256(run(config).model_file));
    for (std::size_t i = 0; i + 1 < models.size(); ++i) CHECK(models[i] != models.back());
  }
  config.mutable_sim()->set_threads(1);
  CHECK(sha256(run(config).model_file) == models.back());
}

TEST_CASE("run: rounds with drop-outs end at their deadline with who is there") {
  auto config = small_run();
  config.mutable_sim()->set_dropout(0.3);
  config.mutable_round()->set_deadline_s(60);
  const RunOutcome outcome = run(config);
  bool some_missing = false;
  for (const RoundReport& r : outcome.report.rounds) {
    CAPTURE(r.round, r.clients_aggregated);
    REQUIRE(r.clients_aggregated >= 3);
    if (r.clients_aggregated < 6) REQUIRE(r.virtual_seconds >= 60);
    REQUIRE(r.clients_tasked >= r.clients_aggregated);
    REQUIRE(r.clients_tasked <= r.clients_sampled);
    REQUIRE(r.attempts >= 1);
    some_missing = some_missing || r.clients_aggregated < 6;
  }
  REQUIRE(some_missing);
}

TEST_CASE("run: over-selection keeps slow and silent clients from delaying rounds") {
  auto config = small_run();
  config.mutable_sim()->set_dropout(0.15);
  config.mutable_sim()->set_slow_share(0.1);
  config.mutable_sim()->set_slow_factor(5000);
  config.mutable_round()->set_over_selection(2.5);
  const RunOutcome outcome = run(config);
  double total = 0;
  for (const RoundReport& r : outcome.report.rounds) {
    REQUIRE(r.clients_aggregated == 6);
    total += r.virtual_seconds;
  }
  REQUIRE(total < 8 * 60);
}

TEST_CASE("run: asynchronous rounds do not wait for slow clients, and count what they send") {
  auto config = small_run();
  config.mutable_run()->set_rounds(30);
  config.mutable_round()->set_clients(4);
  config.mutable_sim()->set_slow_share(0.3);
  const auto seconds = [](const RunOutcome& outcome) {
    double total = 0;
    for (const RoundReport& r : outcome.report.rounds) total += r.virtual_seconds;
    return total;
  };
  const double waiting = seconds(run(config));
  config.mutable_round()->set_over_selection(3);
  config.mutable_round()->set_max_staleness(10);
  const RunOutcome want = run(config);
  std::uint32_t stale = 0;
  for (const RoundReport& r : want.report.rounds) {
    REQUIRE(r.clients_aggregated == 4);
    stale += r.updates_stale;
  }
  REQUIRE(stale > 10);
  REQUIRE(seconds(want) < waiting / 3);
  REQUIRE(want.report.final_accuracy > 0.9);
  config.mutable_sim()->set_threads(1);
  REQUIRE(run(config).model_file == want.model_file);
}

TEST_CASE("run: without a quorum a run ends with the reason") {
  auto config = small_run();
  config.mutable_sim()->set_slow_share(1);
  config.mutable_sim()->set_slow_factor(1e6);
  config.mutable_round()->set_deadline_s(1);
  const auto outcome = run_federation(config, digits(), {});
  REQUIRE_FALSE(outcome);
  REQUIRE_THAT(outcome.error().what, Catch::Contains("quorum"));
}

TEST_CASE("run: a client with more samples than a round takes is a fault of the config") {
  auto config = small_run();
  config.mutable_round()->set_max_samples(10);
  const auto outcome = run_federation(config, digits(), {});
  REQUIRE_FALSE(outcome);
  REQUIRE(outcome.error().code == Errc::kInvalid);
  REQUIRE_THAT(outcome.error().what,
               Catch::Contains("round.max_samples = 10") && Catch::Contains("partition.clients"));
}

TEST_CASE("run: when every client's training diverges, the run ends with that reason first") {
  auto config = small_run();
  config.mutable_client()->set_learning_rate(100);
  config.mutable_client()->set_weight_decay(1);
  const auto outcome = run_federation(config, digits(), {});
  REQUIRE_FALSE(outcome);
  REQUIRE_THAT(outcome.error().what,
               Catch::StartsWith("client ") && Catch::Contains("client.learning_rate") &&
                   Catch::Contains("round 1") && !Catch::Contains("deadline_s"));
}

TEST_CASE("run: every strategy and width of codes learns") {
  auto config = small_run();
  const char* strategy = GENERATE("fedavg", "fedprox", "fedavgm", "fedadam");
  const std::uint32_t bits = GENERATE(3U, 8U, 32U);
  CAPTURE(strategy, bits);
  config.mutable_server()->set_strategy(strategy);
  if (strategy == std::string("fedavgm")) config.mutable_server()->set_learning_rate(0.5);
  if (strategy == std::string("fedadam")) config.mutable_server()->set_learning_rate(0.02);
  config.mutable_codec()->set_uplink_bits(bits);
  REQUIRE(run(config).report.final_accuracy > 0.75);
}

TEST_CASE("run: the caller can stop a run, which then ends as it is") {
  const auto outcome = run_federation(
      small_run(), digits(), [](const RunReport& r, std::uint32_t) { return r.rounds.size() < 2; });
  REQUIRE(outcome);
  REQUIRE(outcome->report.rounds.size() == 2);
  REQUIRE(outcome->model.quant.is_float());  // scales are not yet learnt
}

TEST_CASE("run: stopped in its warm-up, it reports the fp32 model that it leaves") {
  const auto after = [](std::size_t rounds) {
    const auto outcome = run_federation(
        small_run(), digits(),
        [=](const RunReport& so_far, std::uint32_t) { return so_far.rounds.size() < rounds; });
    REQUIRE(outcome);
    REQUIRE(outcome->model.quant.weight_bits == outcome->report.weight_bits);
    return outcome->report;
  };
  REQUIRE(after(1).weight_bits == 32);
  REQUIRE(after(1).activation_bits == 32);
  REQUIRE(after(4).weight_bits == 8);
  REQUIRE(after(4).activation_bits == 8);
}
