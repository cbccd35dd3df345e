// codec.downlink = "difference" in a whole run.
#include <catch2/catch.hpp>
#include <map>

#include "client/session.h"
#include "common/data/digits.h"
#include "sim/memory_transport.h"
#include "sim/run.h"
#include "tests/support/coordinator_play.h"

using namespace fedqat;

namespace {

wire::Config some_run() {
  wire::Config c;
  c.mutable_run()->set_rounds(12);
  c.mutable_partition()->set_clients(10);
  c.mutable_round()->set_clients(4);
  c.mutable_client()->set_batch(16);
  c.mutable_codec()->set_downlink("difference");
  c.mutable_codec()->set_downlink_bits(2);
  return c;
}

RunReport run(const wire::Config& config) {
  static const DataSplit digits = load_digits();
  auto outcome = run_federation(config, digits, {});
  if (!outcome) FAIL(outcome.error().what);
  return outcome->report;
}

}  // namespace

TEST_CASE("difference: few bits down cost little, and threads change nothing") {
  auto config = some_run();
  config.mutable_round()->set_clients(10);
  config.mutable_run()->set_rounds(20);
  const RunReport narrow = run(config);
  config.mutable_sim()->set_threads(1);
  CHECK(run(config).model_sha256 == narrow.model_sha256);
  config.mutable_sim()->set_threads(8);
  CHECK(run(config).model_sha256 == narrow.model_sha256);
  config.mutable_codec()->set_downlink("whole");
  config.mutable_codec()->set_downlink_bits(32);
  const RunReport whole = run(config);
  CHECK(whole.bytes_down > 8 * narrow.bytes_down);
  CHECK(narrow.final_accuracy > whole.final_accuracy - 0.02);
  CHECK(narrow.final_accuracy > 0.9);
}

// Devices have a cache each, the simulator one for all and a list of who has what.
TEST_CASE("difference: the simulator counts the bytes of devices that come now and then") {
  auto config = some_config();
  config.mutable_run()->set_rounds(30);
  config.mutable_model()->set_name("mlp-64");
  config.mutable_codec()->set_downlink("difference");
  config.mutable_codec()->set_downlink_bits(8);  // few steps are kept
  const auto simulated = make(config), deployed = make(config);
  const VirtualClock clock;
  Traffic counted, real;
  ModelCache all(true);
  std::map<ClientId, ModelCache> caches;
  std::map<ClientId, std::uint64_t> held;
  std::size_t whole = 0;
  while (deployed->status() == Coordinator::Status::kRunning) {
    const std::vector<ClientId> cohort(deployed->cohort().begin(), deployed->cohort().end());
    REQUIRE(std::ranges::equal(cohort, simulated->cohort()));
    for (const ClientId who : cohort) {
      MemoryTransport there(*deployed, who, clock, real), here(*simulated, who, clock, counted);
      auto answer = check_in(there);
      REQUIRE(answer);
      Download download;
      const std::uint64_t before = real.down;
      auto work = Session(there, deployed->graph(), caches[who])
                      .fetch(std::get<Task>(answer->answer), download);
      REQUIRE(work);
      whole += real.down - before > work->task.model_size ? 1 : 0;
      std::optional<std::uint64_t> version;
      if (held.contains(who)) version = held[who];
      auto begun = Session(here, simulated->graph(), all).begin(&version);
      REQUIRE(begun);
      held[who] = version.value();
      const Work& same = std::get<Work>(*begun);
      REQUIRE(same.model->params == work->model->params);
      REQUIRE(same.model->params == deployed->state().params);
      CHECK(counted.down == real.down);
      CHECK(counted.up == real.up);
      const float move = 0.001F * static_cast<float>(work->task.round);
      REQUIRE(ask<Ack>(*deployed, who, update_for(*deployed, work->task, move)).complete);
      REQUIRE(ask<Ack>(*simulated, who, update_for(*simulated, same.task, move)).complete);
    }
  }
  CHECK(whole > 0);
  CHECK(whole < 30);
  CHECK(simulated->state().params == deployed->state().params);
}
