#include "coordinator/serve/run_host.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/nn/evaluate.h"
#include "common/store/segment.h"
#include "common/wire/config.h"
#include "common/wire/manifest.h"
#include "common/wire/model_file.h"
#include "coordinator/state/rounds_journal.h"
#include "coordinator/state/sqlite_journal.h"

namespace fedqat {
namespace {

constexpr std::uint32_t kWaitMs = 2000;  // before enough devices are enrolled

// Room for about a round's updates at a time.
std::uint64_t segment_growth(const wire::Config& config, const NetworkSpec& network) {
  constexpr std::uint64_t kLeast = std::uint64_t{1} << 20;
  const auto graph = build_graph(network.model, network.quant);
  if (!graph) return kSegmentGrowth;
  const std::uint64_t round = graph->param_count * sizeof(float) * config.round().clients();
  return std::clamp(round, kLeast, kSegmentGrowth);
}

const char* status_text(Coordinator::Status status) {
  switch (status) {
    case Coordinator::Status::kRunning:
      return "running";
    case Coordinator::Status::kFinished:
      return "finished";
    case Coordinator::Status::kFailed:
      return "failed";
  }
  return "unknown";
}

}  // namespace

std::string run_name(std::uint64_t run) {
  std::array<std::byte, sizeof run> bytes;
  std::memcpy(bytes.data(), &run, sizeof run);
  return to_hex(bytes);
}

RunPaths run_paths(const StatePaths& state, std::uint64_t run) {
  return {state.dir / "runs" / run_name(run)};
}

RunHost::RunHost(RunPaths paths, wire::Config config, NetworkSpec network, PrivateKey manifest_key)
    : paths_(std::move(paths)),
      config_(std::move(config)),
      network_(std::move(network)),
      manifest_key_(std::move(manifest_key)),
      fs_(make_posix_fs()) {}

Result<std::unique_ptr<RunHost>> RunHost::open(
    const StatePaths& state, const wire::Config& config, const NetworkSpec& network,
    const PrivateKey& manifest_key, std::function<void(const CoordinatorEvent&)> observe) {
  std::unique_ptr<RunHost> host(new RunHost(run_paths(state, run_number(config_hash(config))),
                                            config, network, manifest_key));
  host->observe_ = std::move(observe);
  if (auto ok = host->fs_->make_dirs(host->paths_.dir); !ok) return ok.error();
  const std::string toml = effective_toml(config);
  if (auto ok = host->fs_->write_atomic(host->paths_.config(), as_bytes(toml)); !ok) {
    return ok.error();
  }
  const std::string& durability = config.deploy().durability();
  const bool full = durability != "relaxed";
  SqliteJournalOptions options;
  options.segment_growth = segment_growth(config, network);
  options.synchronous = full ? Synchronous::kFull : Synchronous::kNormal;
  options.sync_payloads = full;
  auto journal = open_sqlite_journal(host->paths_.journal(), host->paths_.payloads(), options);
  if (!journal) return journal.error();
  host->journal_ = std::move(*journal);
  if (durability == "rounds") {
    host->journal_ = std::make_unique<RoundsJournal>(std::move(host->journal_));
  }
  return host;
}

Result<void> RunHost::set_devices(std::uint32_t devices, const std::vector<ClientId>& barred,
                                  std::int64_t now_ms) {
  devices_ = devices;
  if (coordinator_ == nullptr) {
    auto known = journal_->load();
    if (!known) return known.error();
    if (!*known && devices < start_devices()) return {};
    Surroundings surroundings;
    surroundings.journal = journal_.get();
    surroundings.inbox_bytes = (std::size_t{config_.deploy().memory_limit_mb()} << 20) / 2;
    surroundings.sign = [this](const Task& task) { return sign(task); };
    surroundings.observe = observe_;
    auto made = Coordinator::make(config_, network_, devices, now_ms, std::move(surroundings));
    if (!made) return made.error();
    coordinator_ = std::move(*made);
  }
  coordinator_->admit_clients(devices);
  for (const ClientId who : barred) coordinator_->bar(who);
  return {};
}

std::uint32_t RunHost::start_devices() const {
  const std::uint32_t n = config_.deploy().start_devices();
  return n > 0 ? n : config_.round().clients();
}

Reply RunHost::waiting() const { return {kWaitMs, RetryLater{}}; }

Bytes RunHost::sign(const Task& task) {
  const std::int64_t now = unix_now_s();
  const auto life = static_cast<std::int64_t>(config_.deploy().manifest_hours() * 3600);
  if (manifest_.empty() || signed_model_ != task.model_sha256 || signed_version_ != task.version ||
      now > signed_until_s_ - life / 2) {
    signed_model_ = task.model_sha256;
    signed_version_ = task.version;
    signed_until_s_ = now + life;
    manifest_ = sign_manifest({task.run, task.round, task.version, task.model_sha256,
                               task.config_hash, static_cast<std::uint64_t>(signed_until_s_)},
                              manifest_key_);
  }
  return manifest_;
}

Result<void> RunHost::sync() { return journal_->dirty() ? journal_->sync() : Result<void>(); }

Result<std::string> RunHost::export_model() {
  const PackedModel model =
      deployed_model(coordinator_->graph(), coordinator_->state(), network_.input);
  const Bytes file = encode_model(model);
  FEDQAT_FAILPOINT("serve.export.before_write");
  if (auto ok = fs_->write_atomic(paths_.model(), file); !ok) return ok.error();
  FEDQAT_FAILPOINT("serve.export.after_write");
  model_sha256_ = to_hex(sha256(file));
  exported_round_ = coordinator_->rounds_done();
  return model_sha256_;
}

std::string RunHost::status_json() const {
  nlohmann::ordered_json j = {{"format", "fedqat.status/1"},
                              {"run", run_name(run_number(config_hash(config_)))},
                              {"name", config_.run().name()},
                              {"state", "waiting"},
                              {"devices", devices_},
                              {"devices_needed", start_devices()},
                              {"rounds_done", 0},
                              {"rounds", config_.run().rounds()}};
  if (coordinator_ != nullptr) {
    const Coordinator& c = *coordinator_;
    j["state"] = status_text(c.status());
    j["rounds_done"] = c.rounds_done();
    if (c.status() == Coordinator::Status::kRunning) {
      j["round"] = {{"round", c.rounds_done() + 1},
                    {"attempt", c.attempt()},
                    {"invited", c.cohort().size()},
                    {"still_wanted", c.wanted()}};
    }
    if (c.rounds_done() > 0) {
      const RoundSummary& last = c.last_round();
      j["last_round"] = {{"round", last.round},
                         {"phase", phase_name(last.phase)},
                         {"aggregated", last.aggregated},
                         {"refused", last.refused},
                         {"attempts", last.attempts},
                         {"train_loss", last.mean_loss},
                         {"seconds", static_cast<double>(last.duration_ms()) / 1000}};
    }
    j["absent"] = c.attendance().absent.size();
    if (!c.failure().empty()) j["failure"] = c.failure();
  }
  if (!model_sha256_.empty()) {
    j["model"] = {{"sha256", model_sha256_}, {"round", exported_round_}};
  }
  return j.dump(2) + "\n";
}

Result<void> RunHost::write_status(const std::string& json) {
  return fs_->write_atomic(paths_.status(), as_bytes(json));
}

}  // namespace fedqat
