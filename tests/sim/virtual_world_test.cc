#include "sim/virtual_world.h"

#include <catch2/catch.hpp>

#include "common/wire/model_config.h"
#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

wire::Config some_config() {
  wire::Config c;
  c.mutable_run()->set_rounds(4);
  c.mutable_model()->set_name("softmax");
  c.mutable_quant()->set_warmup_rounds(1);
  c.mutable_partition()->set_clients(8);
  c.mutable_round()->set_clients(8);
  c.mutable_round()->set_quorum(1);
  return c;
}

// A world around blobs of light; config decides how it behaves.
struct Fixture {
  explicit Fixture(wire::Config c) : config(std::move(c)) {
    const auto network = network_from_config(config, data.shape, data.classes, data.grid);
    REQUIRE(network);
    auto made = Coordinator::make(config, *network, config.partition().clients(), clock.now_ms());
    REQUIRE(made);
    coordinator = std::move(*made);
  }

  const wire::Config config;
  const Dataset data = blob_dataset({8, 8, 1}, 3, 80, 2);
  const Partition partition = *make_partition(data, {.clients = config.partition().clients()}, 1);
  VirtualClock clock;
  std::unique_ptr<Coordinator> coordinator;
  Scenario scenario{config.sim(), 1, 1000};
  ThreadPool pool{2};
};

}  // namespace

TEST_CASE("virtual_world: after an extension nobody trains twice") {
  auto config = some_config();
  config.mutable_sim()->set_slow_share(1);
  config.mutable_sim()->set_slow_factor(20);
  config.mutable_round()->set_deadline_s(0.7);  // check-ins take up to a second, work two
  Fixture f(config);
  VirtualWorld world(*f.coordinator, f.data, f.partition, f.scenario, f.pool, f.clock);
  std::uint64_t counted = 0;
  bool extended = false;
  while (f.coordinator->status() == Coordinator::Status::kRunning) {
    REQUIRE(world.run_round());
    INFO(f.coordinator->failure());
    REQUIRE(f.coordinator->status() != Coordinator::Status::kFailed);
    counted += f.coordinator->last_round().samples_seen;
    extended = extended || f.coordinator->last_round().attempts > 1;
    REQUIRE(f.coordinator->last_round().refused == 0);
  }
  REQUIRE(extended);
  REQUIRE(world.samples_trained() == counted);
}
