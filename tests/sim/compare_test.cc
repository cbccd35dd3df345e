#include "sim/compare.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "common/data/digits.h"
#include "common/wire/config.h"
#include "sim/run.h"

namespace fedqat {
namespace {

wire::Config small_config(const char* more) {
  const std::string toml =
      "[run]\nrounds = 12\n[partition]\nclients = 4\n[round]\nclients = 4\n"
      "[client]\nepochs = 2\n[model]\nname = \"mlp-64\"\n";
  auto config = parse_config(toml + more, "test", {});
  REQUIRE(config);
  return *config;
}

const OnCompareRound kGoOn = [](const std::string&, const RunReport&, std::uint32_t) {
  return true;
};

TEST_CASE("compare: int8 after training is near the fp32 model it came from, 2 bits are not") {
  const auto config =
      small_config("[compare]\ntechniques = [\"fp32\", \"ptq\"]\nbits = [8, 2]\nseeds = 1\n");
  const auto outcome = compare_techniques(config, load_digits(), kGoOn);
  REQUIRE(outcome);
  CHECK(outcome->complete);
  const auto& rows = outcome->report.rows;
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].mean() > 0.9);
  CHECK(rows[1].label() == "ptq W8A8");
  CHECK(rows[1].mean() > rows[0].mean() - 0.02);
  CHECK(rows[2].mean() < rows[1].mean());
  CHECK(rows[1].model_bytes < rows[0].model_bytes / 2);
  CHECK(rows[1].bytes_up == rows[0].bytes_up);
  for (const CompareRow& row : rows) {
    CHECK(row.latency_us_batch1 > 0);
    CHECK(row.latency_us_batch32 > 0);
  }
}

TEST_CASE("compare: dynamic quantization and weight sharing are near fp32, and smaller") {
  const auto config = small_config(
      "[compare]\ntechniques = [\"fp32\", \"dynamic\", \"weight-sharing\"]\nseeds = 1\n");
  const auto outcome = compare_techniques(config, load_digits(), kGoOn);
  if (!outcome) FAIL(outcome.error().what);
  const auto& rows = outcome->report.rows;
  REQUIRE(rows.size() == 3);
  CHECK(rows[1].label() == "dynamic W8");
  CHECK(rows[1].mean() == Approx(rows[0].mean()).margin(0.01));
  CHECK(rows[1].model_bytes < rows[0].model_bytes / 2);
  CHECK(rows[1].bytes_up == rows[0].bytes_up);
  CHECK(rows[2].technique == "weight-sharing");
  CHECK(rows[2].mean() == Approx(rows[0].mean()).margin(0.02));
  CHECK(rows[2].model_bytes < rows[0].model_bytes / 2);
}

TEST_CASE("compare: every row has an accuracy for each seed, and seeds differ") {
  const auto config = small_config(
      "[sim]\nthreads = 1\n[compare]\ntechniques = [\"fp32\", \"ptq\", \"qat\"]\nbits = [8]\nseeds "
      "= 2\n");
  std::vector<std::string> runs;
  const auto outcome = compare_techniques(
      config, load_digits(), [&](const std::string& what, const RunReport&, std::uint32_t) {
        if (runs.empty() || runs.back() != what) runs.push_back(what);
        return true;
      });
  REQUIRE(outcome);
  // The fp32 run is trained once a seed, for its own row and for ptq.
  CHECK(runs == std::vector<std::string>{"fp32, seed 1", "qat W8A8, seed 1", "fp32, seed 2",
                                         "qat W8A8, seed 2"});
  REQUIRE(outcome->report.rows.size() == 3);
  for (const CompareRow& row : outcome->report.rows) CHECK(row.accuracies.size() == 2);
  CHECK(outcome->report.rows[2].bytes_up < outcome->report.rows[0].bytes_up / 2);
}

TEST_CASE("compare: a row that would have no quantized round is refused before the first round") {
  auto config = parse_config("[run]\nrounds = 3\n[quant]\nweight_bits = 32\nactivation_bits = 32\n",
                             "test", {});
  REQUIRE(config);
  bool trained = false;
  const OnCompareRound note = [&](const std::string&, const RunReport&, std::uint32_t) {
    trained = true;
    return true;
  };
  const auto outcome = compare_techniques(*config, load_digits(), note);
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == Errc::kInvalid);
  CHECK_THAT(outcome.error().what,
             Catch::StartsWith("compare, row qat W8A8: quant.warmup_rounds = 3, ") &&
                 Catch::Contains("raise run.rounds"));
  CHECK_FALSE(trained);
  config->mutable_compare()->add_techniques("fp32");
  CHECK(check_comparison(*config, load_digits()));
}

TEST_CASE("compare: bits that are given twice are one row") {
  const auto config =
      small_config("[compare]\ntechniques = [\"ptq\"]\nbits = [8, 4, 8]\nseeds = 1\n");
  const auto outcome = compare_techniques(config, load_digits(), kGoOn);
  REQUIRE(outcome);
  REQUIRE(outcome->report.rows.size() == 2);
  CHECK(outcome->report.rows[0].label() == "ptq W8A8");
  CHECK(outcome->report.rows[1].label() == "ptq W4A4");
}

TEST_CASE("compare: stopped early, it keeps the rows that are finished") {
  const auto config = small_config("[sim]\nthreads = 1\n[compare]\nbits = [8]\nseeds = 1\n");
  const auto outcome = compare_techniques(
      config, load_digits(), [](const std::string& what, const RunReport&, std::uint32_t) {
        return what.rfind("qat", 0) != 0;
      });
  REQUIRE(outcome);
  CHECK_FALSE(outcome->complete);
  CHECK(outcome->report.rows.size() == 4);
}

TEST_CASE("compare: rows of one's own follow the usual ones, with their overrides") {
  const auto config = small_config(R"([compare]
techniques = ["fp32"]
seeds = 1
[[compare.rows]]
name = "coarse updates"
set = ["codec.uplink_bits=2", "quant.weight_bits=4"]
[[compare.rows]]
technique = "ptq"
set = ["quant.activation_bits=4"]
)");
  const auto outcome = compare_techniques(config, load_digits(), kGoOn);
  REQUIRE(outcome);
  const auto& rows = outcome->report.rows;
  REQUIRE(rows.size() == 3);
  CHECK(rows[1].label() == "coarse updates");
  CHECK(rows[1].technique == "qat");
  CHECK(rows[1].weight_bits == 4);
  CHECK(rows[1].activation_bits == 8);
  CHECK(rows[1].bytes_up < rows[0].bytes_up / 3);
  CHECK(rows[2].label() == "ptq W8A4");
  CHECK(rows[2].bytes_up == rows[0].bytes_up);
}

TEST_CASE("compare: rows whose training is the same train once") {
  const auto config = small_config(R"([compare]
techniques = ["fp32", "ptq"]
seeds = 2
[[compare.rows]]
name = "few samples"
technique = "ptq"
set = ["quant.calibration_samples=1"]
[[compare.rows]]
name = "faster"
technique = "ptq"
set = ["client.learning_rate=0.1"]
[[compare.rows]]
name = "coarse"
technique = "fp32"
set = ["codec.uplink_bits=8"]
)");
  const auto data = load_digits();
  const auto size = check_comparison(config, data);
  REQUIRE(size);
  CHECK(size->runs == 6);
  CHECK(size->rounds == 72);
  std::map<std::string, std::size_t> rounds;
  const auto outcome = compare_techniques(
      config, data, [&](const std::string& what, const RunReport&, std::uint32_t) {
        ++rounds[what];
        return true;
      });
  REQUIRE(outcome);
  CHECK(rounds == std::map<std::string, std::size_t>{{"fp32, seed 1", 12},
                                                     {"fp32, seed 2", 12},
                                                     {"coarse, seed 1", 12},
                                                     {"coarse, seed 2", 12},
                                                     {"faster (in fp32), seed 1", 12},
                                                     {"faster (in fp32), seed 2", 12}});
  const auto& rows = outcome->report.rows;
  REQUIRE(rows.size() == 6);
  CHECK(rows[3].bytes_up == rows[0].bytes_up);
  CHECK(rows[5].bytes_up < rows[0].bytes_up / 2);
}

TEST_CASE("compare: one training is deployed at several widths") {
  const auto config = small_config(R"([compare]
techniques = ["fp32"]
seeds = 1
[[compare.rows]]
name = "trained at 4"
set = ["quant.weight_bits=4", "quant.activation_bits=4"]
deploy_bits = [8, 2]
[[compare.rows]]
name = "uniform"
technique = "fp32"
set = ["quant.kure=1"]
deploy_bits = [3]
)");
  const auto data = load_digits();
  const auto size = check_comparison(config, data);
  REQUIRE(size);
  CHECK(size->runs == 3);
  const auto outcome = compare_techniques(config, data, kGoOn);
  REQUIRE(outcome);
  const auto& rows = outcome->report.rows;
  REQUIRE(rows.size() == 6);
  CHECK(rows[2].label() == "trained at 4 at W8A8");
  CHECK(rows[2].technique == "ptq");
  CHECK(rows[2].bytes_up == rows[1].bytes_up);
  CHECK(rows[2].model_bytes > rows[1].model_bytes);
  CHECK(rows[3].model_bytes < rows[1].model_bytes);
  CHECK(rows[2].mean() > rows[1].mean() - 0.05);
  CHECK(rows[5].label() == "uniform at W3A3");
}

TEST_CASE("compare: a row in fp32 can share weights, and the others keep theirs free") {
  const auto config = small_config(R"([quant]
codebook_rounds = 4
[compare]
techniques = ["fp32"]
seeds = 1
[[compare.rows]]
name = "16 values"
technique = "fp32"
set = ["quant.codebook=16"]
)");
  const auto rows = plan_rows(config, {});
  REQUIRE(rows);
  CHECK((*rows)[0].train.quant().codebook() == 0);
  CHECK((*rows)[1].train.quant().codebook() == 16);
  const auto outcome = compare_techniques(config, load_digits(), kGoOn);
  REQUIRE(outcome);
  const auto& found = outcome->report.rows;
  REQUIRE(found.size() == 2);
  CHECK(found[1].model_bytes < found[0].model_bytes / 3);
}

TEST_CASE("compare: without quantization, what the config says of it changes no training") {
  const auto data = load_digits();
  std::vector<std::vector<float>> models;
  for (const char* more : {"", "[quant]\nweight_bits = 4\nwarmup_rounds = 5\nedge_bits = 4\n"}) {
    auto config = small_config(more);
    config.mutable_run()->set_rounds(7);
    config.mutable_compare()->add_techniques("fp32");
    const auto rows = plan_rows(config, {});
    REQUIRE(rows);
    const auto as_planned = run_federation(rows->front().train, data, {});
    const auto as_given = run_federation(fp32_config(config), data, {});
    REQUIRE(as_planned);
    REQUIRE(as_given);
    models.push_back(as_planned->state.params);
    models.push_back(as_given->state.params);
  }
  CHECK(std::count(models.begin(), models.end(), models.front()) == 4);
}

TEST_CASE("compare: the same for any number of threads, also when runs share them") {
  auto config = small_config(R"([compare]
bits = [4]
seeds = 2
[[compare.rows]]
name = "coarse"
set = ["codec.uplink_bits=2"]
)");
  std::vector<CompareReport> reports;
  for (const std::uint32_t threads : {1U, 3U, 20U}) {
    config.mutable_sim()->set_threads(threads);
    auto outcome = compare_techniques(config, load_digits(), kGoOn);
    REQUIRE(outcome);
    CHECK(outcome->complete);
    reports.push_back(std::move(outcome->report));
    for (CompareRow& row : reports.back().rows) row.latency_us_batch1 = row.latency_us_batch32 = 0;
  }
  CHECK(compare_json(reports[0]) == compare_json(reports[1]));
  CHECK(compare_json(reports[0]) == compare_json(reports[2]));
}

TEST_CASE("compare: recall and disagreement agree with accuracy") {
  const auto data = load_digits();
  const auto config = small_config("[compare]\nbits = [2]\nseeds = 2\n");
  const auto outcome = compare_techniques(config, data, kGoOn);
  REQUIRE(outcome);
  std::vector<double> share(10);
  for (const auto label : data.test.labels) share[label] += 1.0 / double(data.test.size());
  const auto& rows = outcome->report.rows;
  REQUIRE(rows.size() == 5);
  for (const CompareRow& row : rows) {
    double accuracy = 0;
    REQUIRE(row.class_recall.size() == 10);
    for (std::size_t c = 0; c < 10; ++c) accuracy += share[c] * row.class_recall[c];
    CHECK(accuracy == Approx(row.mean()));
    REQUIRE(row.disagreements.size() == 2);
    // Whoever is right where the other is not, disagrees.
    for (std::size_t s = 0; s < 2; ++s) {
      CHECK(row.disagreements[s] >= std::abs(row.accuracies[s] - rows[0].accuracies[s]) - 1e-12);
    }
    CHECK(row.rounds == 12);
  }
  CHECK(rows[0].disagreements == std::vector<double>{0, 0});
  CHECK(mean_of(rows[3].disagreements) > 0);
}

std::string refusal(const std::string& rows) {
  const std::string toml = "[run]\nrounds = 12\n" + rows;
  Places places;
  const auto config = parse_config(toml, "c.toml", {}, &places);
  if (!config) return config.error().what;
  const auto size = check_comparison(*config, load_digits(), places);
  return size ? "" : size.error().what;
}

TEST_CASE("compare: a row that cannot be is refused with its name and line") {
  using Catch::Contains;
  using Catch::StartsWith;
  const std::string row = "[[compare.rows]]\nname = \"x\"\n";
  CHECK_THAT(refusal(row + "set = [\"client.bacth=64\"]"),
             StartsWith("c.toml:5:8: compare row 'x': --set client.bacth=64: unknown key") &&
                 Contains("did you mean 'client.batch'?"));
  CHECK_THAT(refusal(row + "set = [\"client.batch=64\",\n\"client.batch=0\"]"),
             StartsWith("c.toml:6:1: compare row 'x': ") && Contains("out of bounds"));
  CHECK_THAT(refusal(row + "set = [\"codec.uplink_bits=9\"]"),
             StartsWith("c.toml:3:1: compare row 'x': codec.uplink_bits = 9.0, codec.uplink"));
  CHECK_THAT(refusal(row + "set = [\"quant.warmup_rounds=12\"]"),
             StartsWith("c.toml:3:1: compare row 'x': quant.warmup_rounds = 12"));
  for (const char* key : {"data.name=mnist", " run.seed = 3", "compare.seeds=1", "sim.threads=2"}) {
    CHECK_THAT(refusal(row + "set = [\"" + key + "\"]"), Contains("all rows have this key"));
  }
  CHECK_THAT(refusal(row + "technique = \"fp32\"\nset = [\"quant.weight_bits=8\"]"),
             Contains("use technique = \"qat\""));
  CHECK_THAT(refusal(row + "set = [\"quant.weight_bits=32\", \"quant.activation_bits=32\"]"),
             Contains("set bits of 2 to 8"));
  CHECK_THAT(refusal(row + "technique = \"ptq\"\ndeploy_bits = [4]"),
             StartsWith("c.toml:3:1: compare row 'x': deploy_bits with technique ptq"));
  CHECK_THAT(refusal("[[compare.rows]]\ntechnique = \"ptq\""),
             StartsWith("c.toml:3:1: compare row compare.rows[0]: there is a row 'ptq W8A8'"));
  CHECK_THAT(refusal(row + "set = [\"partition.clients=4\"]"),
             StartsWith("c.toml:3:1: compare row 'x': ") && Contains("round.clients"));
  CHECK(refusal(row + "technique = \"ptq\"\nset = [\"quant.warmup_rounds=12\"]").empty());
}

}  // namespace
}  // namespace fedqat
