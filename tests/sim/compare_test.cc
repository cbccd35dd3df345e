#include "sim/compare.h"

#include <catch2/catch.hpp>

#include "common/data/digits.h"
#include "common/wire/config.h"

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

TEST_CASE("compare: every row has an accuracy for each seed, and seeds differ") {
  const auto config = small_config("[compare]\nbits = [8]\nseeds = 2\n");
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
  const auto config = small_config("[compare]\nbits = [8]\nseeds = 1\n");
  const auto outcome = compare_techniques(
      config, load_digits(), [](const std::string& what, const RunReport&, std::uint32_t) {
        return what.rfind("qat", 0) != 0;
      });
  REQUIRE(outcome);
  CHECK_FALSE(outcome->complete);
  CHECK(outcome->report.rows.size() == 2);
}

}  // namespace
}  // namespace fedqat
