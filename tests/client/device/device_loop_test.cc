#include "client/device/device_loop.h"

#include <catch2/catch.hpp>

#include "tests/support/device_play.h"

using namespace fedqat;

namespace {

std::vector<float> model_without_trouble() {
  DevicePlay play;
  const auto end = play.run();
  REQUIRE(end);
  REQUIRE(*end == DeviceEnd::kFinished);
  REQUIRE(play.coordinator->rounds_done() == 5);
  return play.coordinator->state().params;
}

std::optional<Reply> refusal(RefusalCode code, std::uint32_t retry_ms) {
  return Reply{retry_ms, Refusal{code, "for a test"}};
}

}  // namespace

TEST_CASE("device_loop: it takes part until the run is finished, with and without the config") {
  const auto with_config = model_without_trouble();
  DevicePlay play;
  auto options = play.options();
  options.config.reset();
  REQUIRE(*play.run(options) == DeviceEnd::kFinished);
  REQUIRE(play.count<FetchNetwork>() == 1);
  REQUIRE(play.coordinator->state().params == with_config);
}

TEST_CASE("device_loop: lost requests and replies change nothing of the result") {
  const auto expected = model_without_trouble();
  for (std::size_t period = 3; period < 7; ++period) {
    DevicePlay play;
    play.lose_request = [&](std::size_t call) { return call % (period + 1) == 1; };
    play.lose_reply = [&](std::size_t call) { return call % period == period - 1; };
    const auto end = play.run();
    INFO(period << ": " << (end ? "" : end.error().what));
    REQUIRE(end);
    REQUIRE(*end == DeviceEnd::kFinished);
    REQUIRE(play.coordinator->state().params == expected);
  }
}

TEST_CASE("device_loop: stopped after any batch and begun again, the result is the same") {
  const auto expected = model_without_trouble();
  DevicePlay play;
  for (int stops = 0;; ++stops) {
    REQUIRE(stops < 100);
    play.batches_to_stop = 5;
    play.open_state();
    const auto end = play.run();
    REQUIRE(end);
    if (*end == DeviceEnd::kFinished) break;
    REQUIRE(*end == DeviceEnd::kStopped);
  }
  REQUIRE(play.said("training goes on at sample"));
  REQUIRE(play.coordinator->state().params == expected);
}

TEST_CASE("device_loop: an update that was not answered is sent first by the next start") {
  DevicePlay play;
  play.instead = [&](const Request& r) -> std::optional<Reply> {
    if (!std::holds_alternative<UploadUpdate>(r)) return std::nullopt;
    play.batches_to_stop = 1;
    return refusal(RefusalCode::kBusy, 700);
  };
  REQUIRE(*play.run() == DeviceEnd::kStopped);
  REQUIRE(play.waits.back() >= 700);
  const auto first = std::get<UploadUpdate>(play.requests.back()).digest;
  play.instead = nullptr;
  play.batches_to_stop = -1;
  play.requests.clear();
  auto options = play.options();
  options.once = true;
  REQUIRE(*play.run(options) == DeviceEnd::kOnce);
  REQUIRE(play.requests.size() == 1);
  REQUIRE(std::get<UploadUpdate>(play.requests[0]).digest == first);
  REQUIRE(play.coordinator->rounds_done() == 1);
  REQUIRE_FALSE(play.fs->exists(play.state->update_path()));
}

TEST_CASE("device_loop: a refused update is forgotten and the device checks in again") {
  DevicePlay play;
  bool refused = false;
  play.instead = [&](const Request& r) -> std::optional<Reply> {
    if (!std::holds_alternative<UploadUpdate>(r) || std::exchange(refused, true)) return {};
    return refusal(RefusalCode::kLate, 300);
  };
  REQUIRE(*play.run() == DeviceEnd::kFinished);
  REQUIRE(play.said("late"));
}

TEST_CASE("device_loop: only models that the coordinator signed are trained") {
  DevicePlay play;
  play.start_coordinator();
  const auto own = play.manifest_key;
  play.manifest_key = PrivateKey::make_ed25519();
  const auto forged = play.run();
  REQUIRE(forged.error().code == Errc::kRejected);
  REQUIRE_THAT(forged.error().what, Catch::Contains("not signed"));
  REQUIRE(play.count<FetchModel>() == 0);
  // Signed, but of another round.
  play.manifest_key = own;
  play.instead = [&](const Request& r) -> std::optional<Reply> {
    if (!std::holds_alternative<CheckIn>(r)) return std::nullopt;
    auto reply = play.coordinator->handle(0, CheckIn{}, play.clock_.now_ms());
    ++std::get<Task>(reply.body).round;
    return reply;
  };
  REQUIRE(play.run().error().code == Errc::kRejected);
  REQUIRE(play.count<FetchModel>() == 0);
}

TEST_CASE("device_loop: an expired or older model is not trained; it waits for a newer one") {
  DevicePlay play;
  play.manifest_expires = kBegin - 1000;
  play.most_waits = 5;
  REQUIRE(*play.run() == DeviceEnd::kStopped);
  REQUIRE(play.count<FetchModel>() == 0);
  REQUIRE(play.said("expired"));
}

TEST_CASE("device_loop: a config of another run is an error that says so") {
  DevicePlay play;
  auto options = play.options();
  options.config->mutable_client()->set_batch(32);
  const auto end = play.run(options);
  REQUIRE(end.error().code == Errc::kInvalid);
  REQUIRE_THAT(end.error().what, Catch::Contains("not the one of the run"));
  options.config = play.config;
  options.config->mutable_duty()->set_nice(19);
  options.config->mutable_deploy()->set_port(1);
  REQUIRE(play.run(options));
}

TEST_CASE("device_loop: the certificate is renewed at two thirds of its life, then used") {
  DevicePlay play;
  play.instead = [&](const Request& r) -> std::optional<Reply> {
    const auto* renew = std::get_if<Renew>(&r);
    if (renew == nullptr) return std::nullopt;
    return Reply{0, Enrolled{"device", 0, play.certify(renew->csr_pem, play.unix_now_s()).to_pem(),
                             play.ca.to_pem(), play.manifest_key.public_key_raw()}};
  };
  const auto before = play.state->identity()->certificate;
  play.base = kBegin + kCertificateLife * 2 / 3 - 10;
  auto options = play.options();
  options.once = true;
  REQUIRE(play.run(options));
  REQUIRE(play.count<Renew>() == 0);
  play.base = kBegin + kCertificateLife * 2 / 3 + 1;
  play.connects = 0;
  REQUIRE(play.run(options));
  REQUIRE(play.count<Renew>() == 1);
  REQUIRE(play.connects == 2);  // the second with the new one
  const auto after = play.state->identity();
  REQUIRE(after);
  REQUIRE(after->certificate.serial() != before.serial());
  REQUIRE(after->certificate.public_key_sha256() == before.public_key_sha256());
}

TEST_CASE("device_loop: while it cannot be renewed the old certificate serves") {
  DevicePlay play;
  play.base = kBegin + kCertificateLife - 100;
  play.instead = [&](const Request& r) -> std::optional<Reply> {
    if (std::holds_alternative<Renew>(r)) return refusal(RefusalCode::kBusy, 0);
    return std::nullopt;
  };
  REQUIRE(*play.run() == DeviceEnd::kFinished);
  REQUIRE(play.said("not renewed yet"));
}

TEST_CASE("device_loop: a revoked device ends, a quarantined one waits as long as it is told") {
  DevicePlay play;
  play.instead = [](const Request&) { return refusal(RefusalCode::kUnknownDevice, 0); };
  REQUIRE(play.run().error().code == Errc::kRejected);
  play.instead = [](const Request&) { return refusal(RefusalCode::kQuarantined, 600000); };
  play.most_waits = 2;
  REQUIRE(*play.run() == DeviceEnd::kStopped);
  REQUIRE(play.waits.back() >= 600000);
  REQUIRE(play.said("--release device"));
}

TEST_CASE("device_loop: a coordinator that is away is asked ever more rarely, up to the limit") {
  DevicePlay play;
  play.lose_request = [](std::size_t) { return true; };
  play.most_waits = 20;
  auto options = play.options();
  options.retry_max_ms = 5000;
  REQUIRE(*play.run(options) == DeviceEnd::kStopped);
  REQUIRE(play.waits.front() <= kFirstRetryMs);
  REQUIRE(play.waits.back() >= 2500);
  for (const std::int64_t ms : play.waits) REQUIRE(ms <= 5000);
}

TEST_CASE("device_loop: off duty it does not check in") {
  DevicePlay play;
  play.off_ms = 5 * 60000;
  REQUIRE(*play.run() == DeviceEnd::kFinished);
  REQUIRE(play.waits.front() == 60000);
}

TEST_CASE("device_loop: a device outside of [partition] is told so") {
  DevicePlay play;
  auto options = play.options();
  play.instead = [&](const Request& r) -> std::optional<Reply> {
    if (!std::holds_alternative<CheckIn>(r)) return std::nullopt;
    auto reply = play.coordinator->handle(0, CheckIn{}, play.clock_.now_ms());
    std::get<Task>(reply.body).client = 4;
    return reply;
  };
  REQUIRE_THAT(play.run(options).error().what, Catch::Contains("partition.clients"));
}

TEST_CASE("device_loop: a device follows the model by steps, also one that begins again") {
  for (const bool again : {false, true}) {
    CAPTURE(again);
    DevicePlay play;
    play.config.mutable_codec()->set_downlink("difference");
    play.config.mutable_codec()->set_downlink_bits(4);
    auto options = play.options();
    options.once = again;
    DeviceEnd end = DeviceEnd::kOnce;
    while (end == DeviceEnd::kOnce) {
      play.open_state();
      const auto ended = play.run(options);
      REQUIRE(ended);
      end = *ended;
    }
    CHECK(end == DeviceEnd::kFinished);
    std::size_t whole = 0;
    for (const Request& r : play.requests) {
      const auto* fetch = std::get_if<FetchModel>(&r);
      if (fetch == nullptr) continue;
      whole += fetch->from ? 0U : 1U;
      if (fetch->from) CHECK(*fetch->from + 1 == fetch->version);
    }
    CHECK(play.count<FetchModel>() == 4);  // the first model follows from the seed
    CHECK(whole == 0);
  }
}

TEST_CASE("device_loop: without its model a device fetches one whole, and trains the same") {
  const auto play_with = [](bool damaged) {
    DevicePlay play;
    play.config.mutable_codec()->set_downlink("difference");
    play.config.mutable_codec()->set_downlink_bits(8);
    auto options = play.options();
    options.once = true;
    while (true) {
      play.open_state();
      const auto path = play.state->model_path();
      if (damaged && play.fs->exists(path)) {
        REQUIRE(play.fs->write_private(path, Bytes(100)));
      }
      const auto end = play.run(options);
      REQUIRE(end);
      if (*end == DeviceEnd::kFinished) break;
    }
    CHECK(play.said("stored model: ") == damaged);
    return play.coordinator->state().params;
  };
  CHECK(play_with(true) == play_with(false));
}

TEST_CASE("device_loop: what updates leave out survives restarts, lost replies and refusals") {
  // forget: the device's memory is deleted before every start.
  const auto play_with = [](int batches, bool lossy, bool refuse, bool forget) {
    DevicePlay play;
    play.config.mutable_codec()->set_uplink("top-k");
    play.config.mutable_codec()->set_uplink_share(0.05);
    play.config.mutable_codec()->set_uplink_bits(2);
    if (lossy) play.lose_reply = [](std::size_t call) { return call % 5 == 4; };
    bool refused = !refuse;
    play.instead = [&](const Request& r) -> std::optional<Reply> {
      // In the last round, whose update then comes anew.
      if (!std::holds_alternative<UploadUpdate>(r) || play.coordinator->rounds_done() < 4)
        return {};
      if (std::exchange(refused, true)) return {};
      return refusal(RefusalCode::kLate, 300);
    };
    for (int starts = 0; starts < 200; ++starts) {
      play.open_state();
      play.batches_to_stop = batches;
      if (forget) REQUIRE(play.fs->remove(play.state->memory_path()));
      auto options = play.options();
      options.once = true;
      const auto end = play.run(options);
      REQUIRE(end);
      if (*end == DeviceEnd::kFinished) return play.coordinator->state().params;
    }
    FAIL("the run does not end");
    return std::vector<float>();
  };
  const auto expected = play_with(-1, false, false, false);
  CHECK(play_with(5, false, false, false) == expected);
  CHECK(play_with(-1, true, false, false) == expected);
  CHECK(play_with(7, true, false, false) == expected);
  CHECK(play_with(-1, false, true, false) == expected);
  CHECK(play_with(-1, false, false, true) != expected);
}
