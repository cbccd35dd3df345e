// Weight sharing through a whole federation.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "common/data/digits.h"
#include "common/nn/engine.h"
#include "common/wire/config.h"
#include "common/wire/model_file.h"
#include "sim/run.h"

using namespace fedqat;

namespace {

RunOutcome run(const DataSplit& digits, const char* codebook) {
  const std::string toml = std::string(R"(
[run]
rounds = 12
[partition]
clients = 4
[round]
clients = 4
[quant]
weight_bits = 32
activation_bits = 32
codebook_rounds = 4
codebook = )") + codebook + R"(
[codec]
uplink_bits = 8
downlink_bits = 32
)";
  const auto config = parse_config(toml, "c.toml", {});
  REQUIRE(config);
  auto outcome = run_federation(*config, digits, {});
  REQUIRE(outcome);
  return std::move(*outcome);
}

}  // namespace

TEST_CASE(
    "weight sharing: few values a tensor, a small file, nearly the accuracy of free weights") {
  const DataSplit digits = load_digits();
  const RunOutcome free = run(digits, "0"), shared = run(digits, "16");
  for (const PackedStep& step : shared.model.steps) {
    CHECK(std::set<float>(step.float_weights.begin(), step.float_weights.end()).size() <= 16);
  }
  CHECK(shared.model_file.size() * 6 < free.model_file.size());
  const auto decoded = decode_model(shared.model_file, "model");
  REQUIRE(decoded);
  const auto accuracy = [&](PackedModel model) {
    auto engine = Engine::make(std::move(model), 32);
    return engine->evaluate(digits.test, 0, digits.test.size()).accuracy();
  };
  CHECK(accuracy(*decoded) == accuracy(shared.model));
  CHECK(accuracy(*decoded) > accuracy(free.model) - 0.03);
  // The last rounds send codebooks down: fewer bytes too.
  CHECK(shared.report.bytes_down < free.report.bytes_down * 3 / 4);
}
