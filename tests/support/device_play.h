// One device's loop against a real Coordinator, without sockets and in virtual time.
#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/device/credentials.h"
#include "client/device/device_loop.h"
#include "common/crypto/authority.h"
#include "common/data/load.h"
#include "common/wire/manifest.h"
#include "common/wire/model_config.h"
#include "coordinator/service.h"
#include "tests/support/temp_dir.h"

namespace fedqat {

inline constexpr std::uint64_t kBegin = 1'800'000'000;  // Unix seconds
inline constexpr std::int64_t kCertificateLife = 3000;

// A network, a coordinator's authority and the device it enrolled; cuts what it is told to.
struct DevicePlay final : DeviceWorld {
  // ---- the coordinator's side
  PrivateKey ca_key = PrivateKey::make_p256(), manifest_key = PrivateKey::make_ed25519();
  Certificate ca = *make_ca(ca_key, "test", {kBegin - 1000, kBegin + 100 * kCertificateLife});
  wire::Config config;
  std::unique_ptr<Coordinator> coordinator;
  std::uint64_t manifest_expires = kBegin + 1000000;
  // ---- the world
  VirtualClock clock_;
  std::uint64_t base = kBegin;
  std::vector<std::string> events;
  std::vector<std::int64_t> waits;
  std::vector<Request> requests;
  std::uint32_t connects = 0;
  int batches_to_stop = -1;  // below 0: never
  std::size_t most_waits = 1000;
  std::int64_t off_ms = 0;
  // Answers in the coordinator's place.
  std::function<std::optional<Reply>(const Request&)> instead;
  // Of the n-th call, from 0: is its request lost, its reply lost?
  std::function<bool(std::size_t)> lose_request = [](std::size_t) { return false; };
  std::function<bool(std::size_t)> lose_reply = [](std::size_t) { return false; };
  // ---- the device
  TempDir dir;
  std::unique_ptr<Fs> fs = make_posix_fs();
  std::optional<StateDir> state;
  std::unique_ptr<LocalSamples> samples;

  DevicePlay() {
    config.mutable_run()->set_rounds(5);
    config.mutable_quant()->set_warmup_rounds(2);
    config.mutable_model()->set_name("softmax");
    config.mutable_partition()->set_clients(4);
    config.mutable_round()->set_clients(1);
    config.mutable_client()->set_batch(64);
    open_state();
    const auto key = state->key();
    REQUIRE(key);
    const auto leaf = certify(*make_csr(*key, "x"), kBegin);
    REQUIRE(state->enroll(
        leaf, ca, {"localhost:1", "localhost", manifest_key.public_key_raw(), "device", 0}));
  }

  void open_state() {
    state.reset();
    auto opened = StateDir::open(*fs, dir.path() / "state");
    REQUIRE(opened);
    state.emplace(std::move(*opened));
  }

  Certificate certify(const Bytes& csr, std::uint64_t now_s) {
    const auto begin = static_cast<std::int64_t>(now_s);
    auto leaf = sign_csr(
        ca, ca_key, csr,
        {"device", CertificateProfile::Purpose::kClient, {}, {begin, begin + kCertificateLife}});
    REQUIRE(leaf);
    return *leaf;
  }

  void start_coordinator() {
    const auto data = load_data(*fs, {});
    REQUIRE(data);
    const auto network =
        network_from_config(config, data->train.shape, data->train.classes, data->train.grid);
    REQUIRE(network);
    Surroundings surroundings;
    surroundings.sign = [this](const Task& t) {
      return sign_manifest(
          {t.run, t.round, t.version, t.model_sha256, t.config_hash, manifest_expires},
          manifest_key);
    };
    auto made = Coordinator::make(config, *network, 1, clock_.now_ms(), surroundings);
    REQUIRE(made);
    coordinator = std::move(*made);
  }

  DeviceOptions options() const {
    DeviceOptions o;
    o.config = config;
    return o;
  }

  Result<DeviceEnd> run(DeviceOptions o) {
    if (coordinator == nullptr) start_coordinator();
    samples = std::make_unique<LocalSamples>(*fs, config, "", true);
    DeviceLoop loop(*fs, *state, *samples, *this, std::move(o));
    return loop.run();
  }
  Result<DeviceEnd> run() { return run(options()); }

  Result<Bytes> answer(ByteView frame) {
    const std::size_t call = requests.size();
    auto request = decode_request(frame);
    REQUIRE(request);
    requests.push_back(*request);
    if (lose_request(call)) return Error{Errc::kUnavailable, "cut"};
    std::optional<Reply> reply = instead ? instead(*request) : std::nullopt;
    if (!reply) reply = coordinator->handle(0, std::move(*request), clock_.now_ms());
    if (lose_reply(call)) return Error{Errc::kTimeout, "cut"};
    return encode_reply(*reply);
  }

  template <class T>
  std::size_t count() const {
    std::size_t n = 0;
    for (const Request& r : requests) n += std::holds_alternative<T>(r) ? 1U : 0U;
    return n;
  }
  bool said(const std::string& part) const {
    for (const std::string& e : events) {
      if (e.find(part) != std::string::npos) return true;
    }
    return false;
  }

  struct Line final : Transport {
    explicit Line(DevicePlay& p) : play(p) {}
    Result<Bytes> call(ByteView request) override { return play.answer(request); }
    DevicePlay& play;
  };

  const Clock& clock() const override { return clock_; }
  std::uint64_t unix_now_s() const override {
    return base + static_cast<std::uint64_t>(clock_.now_ms()) / 1000;
  }
  bool stopping() override {
    if (batches_to_stop > 0) --batches_to_stop;
    return batches_to_stop == 0 || waits.size() > most_waits;
  }
  void wait(std::int64_t ms) override {
    waits.push_back(ms);
    clock_.advance_to(clock_.now_ms() + ms);
  }
  std::int64_t off_duty_ms() override { return std::exchange(off_ms, 0); }
  Result<std::unique_ptr<Transport>> connect(const DeviceIdentity&) override {
    ++connects;
    return std::unique_ptr<Transport>(std::make_unique<Line>(*this));
  }
  void say(const std::string& event) override { events.push_back(event); }
};

}  // namespace fedqat
