// A run on disk: the coordinator with its journal, and the files that people look at.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/fs.h"
#include "common/crypto/key.h"
#include "common/wire/config.pb.h"
#include "coordinator/service.h"
#include "coordinator/state/state_dir.h"

namespace fedqat {

// Files of a run, in <state>/runs/<16 hex digits of the run's number>.
struct RunPaths {
  std::filesystem::path dir;

  std::filesystem::path config() const { return dir / "config.toml"; }
  std::filesystem::path journal() const { return dir / "journal.db"; }
  std::filesystem::path payloads() const { return dir / "payloads.seg"; }
  std::filesystem::path status() const { return dir / "status.json"; }
  std::filesystem::path model() const { return dir / "model.fedqat"; }
};
std::string run_name(std::uint64_t run);  // 16 hex digits
RunPaths run_paths(const StatePaths& state, std::uint64_t run);

// Not thread-safe: the core loop owns it.
class RunHost {
 public:
  // Makes the run's folder, or goes on with it. The coordinator begins once
  // deploy.start_devices are enrolled, or at once when the journal has the run. observe: as in
  // Surroundings.
  static Result<std::unique_ptr<RunHost>> open(
      const StatePaths& state, const wire::Config& config, const NetworkSpec& network,
      const PrivateKey& manifest_key, std::function<void(const CoordinatorEvent&)> observe);

  // How many devices are enrolled, and who of them never takes part.
  Result<void> set_devices(std::uint32_t devices, const std::vector<ClientId>& barred,
                           std::int64_t now_ms);
  Reply waiting() const;  // what everybody is told before the run begins
  // Null before the run begins.
  Coordinator* coordinator() { return coordinator_.get(); }

  void set_manifest_hours(double hours) { config_.mutable_deploy()->set_manifest_hours(hours); }
  // No reply may be sent before it; a failure is final.
  Result<void> sync();
  // The model as it would be deployed now, written to the run's folder; its SHA-256 in hex.
  Result<std::string> export_model();
  // For /status and the commands `status` and `runs`.
  std::string status_json() const;
  Result<void> write_status(const std::string& json);

 private:
  RunHost(RunPaths paths, wire::Config config, NetworkSpec network, PrivateKey manifest_key);
  Bytes sign(const Task& task);
  std::uint32_t start_devices() const;

  RunPaths paths_;
  wire::Config config_;
  NetworkSpec network_;
  PrivateKey manifest_key_;
  std::unique_ptr<Fs> fs_;
  std::function<void(const CoordinatorEvent&)> observe_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Coordinator> coordinator_;
  std::uint32_t devices_ = 0;
  std::string model_sha256_;
  std::uint32_t exported_round_ = 0;
  // The manifest of one model, signed until then.
  Digest signed_model_{};
  std::uint64_t signed_version_ = 0;
  std::int64_t signed_until_s_ = 0;
  Bytes manifest_;
};

}  // namespace fedqat
