// codec.uplink = "top-k" in a whole run: clients keep what they leave out.
#include <catch2/catch.hpp>

#include "common/data/digits.h"
#include "sim/run.h"

using namespace fedqat;

namespace {

wire::Config some_run() {
  wire::Config c;
  c.mutable_run()->set_rounds(30);
  c.mutable_partition()->set_clients(10);
  c.mutable_client()->set_batch(16);
  c.mutable_codec()->set_uplink("top-k");
  c.mutable_codec()->set_uplink_bits(2);
  return c;
}

RunReport run(const wire::Config& config) {
  static const DataSplit digits = load_digits();
  auto outcome = run_federation(config, digits, {});
  if (!outcome) FAIL(outcome.error().what);
  return outcome->report;
}

}  // namespace

TEST_CASE("error feedback: a few signs a round train the model, and threads change nothing") {
  auto config = some_run();
  const RunReport few = run(config);
  config.mutable_sim()->set_threads(1);
  CHECK(run(config).model_sha256 == few.model_sha256);
  config.mutable_sim()->set_threads(8);
  CHECK(run(config).model_sha256 == few.model_sha256);
  CHECK(few.final_accuracy > 0.9);
  config.mutable_codec()->set_uplink("uniform");
  config.mutable_codec()->set_uplink_bits(8);
  const RunReport all = run(config);
  CHECK(few.final_accuracy > all.final_accuracy - 0.03);
  CHECK(few.bytes_up < all.bytes_up / 5);
}

TEST_CASE("error feedback: devices that come now and then, and drop out") {
  auto config = some_run();
  config.mutable_round()->set_clients(4);
  config.mutable_sim()->set_dropout(0.2);
  config.mutable_round()->set_quorum(0.5);
  const RunReport once = run(config);
  config.mutable_sim()->set_threads(1);
  CHECK(run(config).model_sha256 == once.model_sha256);
  CHECK(once.final_accuracy > 0.85);
}
