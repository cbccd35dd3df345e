#include "coordinator/schedule.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace fedqat;

namespace {

wire::Config some_config() {
  wire::Config c;
  c.mutable_run()->set_rounds(6);
  c.mutable_quant()->set_warmup_rounds(2);
  c.mutable_quant()->set_freeze_rounds(1);
  c.mutable_quant()->set_scale_learning_rate(1);
  c.mutable_client()->set_learning_rate(0.1);
  c.mutable_client()->set_final_learning_rate(0.01);
  return c;
}

}  // namespace

TEST_CASE("schedule: phases follow one another") {
  const auto s = Schedule::make(some_config());
  REQUIRE(s);
  const Phase want[] = {Phase::kWarmup,    Phase::kObserve,   Phase::kQuantized,
                        Phase::kQuantized, Phase::kQuantized, Phase::kFrozen};
  for (std::uint32_t r = 1; r <= 6; ++r) REQUIRE(s->phase(r) == want[r - 1]);
  REQUIRE(s->training(2).calibration_samples == 512);
  REQUIRE(s->training(1).calibration_samples == 0);
  REQUIRE(s->training(3).scale_learning_rate == 1);
  REQUIRE(s->training(6).scale_learning_rate == 0);
}

TEST_CASE("schedule: tasks say how gradients are computed") {
  auto config = some_config();
  for (const auto& [name, backward] :
       {std::pair("float", Backward::kFloat), std::pair("int8", Backward::kInt8)}) {
    config.mutable_client()->set_backward(name);
    CHECK(Schedule::make(config)->training(3).backward == backward);
  }
}

TEST_CASE("schedule: an fp32 run has one phase") {
  auto config = some_config();
  config.mutable_quant()->set_weight_bits(32);
  config.mutable_quant()->set_activation_bits(32);
  const auto s = Schedule::make(config);
  for (std::uint32_t r = 1; r <= 6; ++r) {
    REQUIRE(s->phase(r) == Phase::kFloat);
    REQUIRE(s->training(r).calibration_samples == 0);
  }
}

TEST_CASE("schedule: the learning rate falls along half a cosine") {
  const auto s = Schedule::make(some_config());
  REQUIRE(s->training(1).learning_rate == 0.1F);
  REQUIRE(s->training(6).learning_rate == Approx(0.01F));
  for (std::uint32_t r = 2; r <= 6; ++r) {
    REQUIRE(s->training(r).learning_rate < s->training(r - 1).learning_rate);
  }
}

TEST_CASE("schedule: warm-up and freeze that leave no round to learn scales are refused") {
  auto config = some_config();
  for (const std::uint32_t warmup : {0U, 5U, 7U}) {  // one of six rounds is frozen
    config.mutable_quant()->set_warmup_rounds(warmup);
    REQUIRE(Schedule::make(config).error().code == Errc::kInvalid);
  }
  config.mutable_quant()->set_warmup_rounds(4);
  REQUIRE(Schedule::make(config));
}

TEST_CASE("schedule: cos_pi agrees with libm") {
  for (int i = 0; i <= 1000; ++i) {
    const double t = i / 1000.0;
    REQUIRE(std::abs(cos_pi(t) - std::cos(std::acos(-1.0) * t)) < 1e-15);
  }
}
