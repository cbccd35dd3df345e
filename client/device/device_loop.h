// The life of a device: checks in, trains, sends, waits; until the run is over.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "client/device/backoff.h"
#include "client/device/checkpoint_store.h"
#include "client/device/local_samples.h"
#include "client/device/memory_store.h"
#include "client/device/model_store.h"
#include "client/device/seen_models.h"
#include "client/device/state_dir.h"
#include "client/device/update_store.h"
#include "client/session.h"

namespace fedqat {

// The process around the loop; tests have one of their own.
class DeviceWorld {
 public:
  virtual ~DeviceWorld() = default;
  virtual const Clock& clock() const = 0;
  virtual std::uint64_t unix_now_s() const = 0;
  // Somebody asked it to end. Called after every batch, so it is also a sign of life.
  virtual bool stopping() = 0;
  virtual void wait(std::int64_t ms) = 0;  // less when stopping
  // How long not to check in: 0 is now (duty hours, a busy device).
  virtual std::int64_t off_duty_ms() = 0;
  virtual Result<std::unique_ptr<Transport>> connect(const DeviceIdentity& identity) = 0;
  virtual void before_training() {}
  virtual void say(const std::string& event) = 0;  // one line for the log
};

struct DeviceOptions {
  // Of the run's config; empty: the network is fetched and the config not compared.
  std::optional<wire::Config> config;
  bool once = false;  // ends after one update that counts
  std::int64_t checkpoint_ms = 30'000;
  std::int64_t retry_max_ms = 60'000;
  int threads = 1;  // of a training step
};

enum class DeviceEnd : std::uint8_t { kFinished, kOnce, kStopped };

// Not thread-safe. All arguments must outlive it. What it has done survives its end at any place:
// begun again, it sends the update that was not answered, or trains on from the last checkpoint.
class DeviceLoop {
 public:
  DeviceLoop(Fs& fs, StateDir& state, LocalSamples& samples, DeviceWorld& world,
             DeviceOptions options);
  ~DeviceLoop();

  // Tries again whatever may pass: connections, disks, replies that do not parse. Errors are for
  // somebody to act upon: kRejected: the coordinator or TLS refuses this device, or a manifest is
  // not signed by its key; kInvalid: config or data are not the run's; kNotFound: not enrolled, no
  // data; kCorrupt: damaged state.
  Result<DeviceEnd> run();

 private:
  // What to do after a step.
  struct Next {
    std::int64_t wait_ms = 0;
    std::optional<DeviceEnd> end = {};
  };
  struct RunSide;  // of one run: network, trainer, model

  Result<Next> step();
  Result<Next> send();
  Result<Next> work(Task task);
  Result<Next> declined(const Refusal& refusal, std::uint32_t retry_after_ms);
  Result<void> connect();
  Result<void> renew_when_due();
  Result<void> admit(const Task& task);
  Result<void> join_run(const Task& task);
  Result<SealedUpdate> train(const Work& work, const Dataset& samples);

  Fs& fs_;
  StateDir& state_;
  LocalSamples& samples_;
  DeviceWorld& world_;
  const DeviceOptions options_;
  Backoff backoff_;
  UpdateStore updates_;
  CheckpointStore checkpoints_;
  ModelStore models_;
  MemoryStore memory_;
  std::optional<SeenModels> seen_;
  std::optional<DeviceIdentity> identity_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<RunSide> run_;
  std::optional<SealedUpdate> update_;  // finished, not yet answered
  Download download_;
};

}  // namespace fedqat
