#include "client/device/device_loop.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "client/device/credentials.h"
#include "common/crypto/random.h"
#include "common/wire/config.h"
#include "common/wire/model_config.h"

namespace fedqat {
namespace {

constexpr std::int64_t kLeastWaitMs = 50;  // a coordinator that says 0 is not asked in a loop

constexpr std::int64_t kAskDutyMs = 60'000;  // clocks are set, people come and go

struct Stopped {};

// Checkpoints also when the device is to stop, which ends the training.
class StoppableCheckpoints final : public Checkpointer {
 public:
  StoppableCheckpoints(CheckpointStore& store, DeviceWorld& world) : store_(store), world_(world) {}
  std::optional<TrainCheckpoint> resume(const Digest& task) override {
    auto kept = store_.resume(task);
    if (kept) world_.say("training goes on at sample " + std::to_string(kept->seen));
    report();
    return kept;
  }
  bool due() override { return world_.stopping() || store_.due(); }
  void keep(const TrainCheckpoint& checkpoint) override {
    store_.keep(checkpoint);
    report();
    if (world_.stopping()) throw Stopped{};
  }

 private:
  void report() {
    if (auto trouble = store_.trouble()) world_.say("checkpoint: " + trouble->what);
  }
  CheckpointStore& store_;
  DeviceWorld& world_;
};

// Trying again may help; all other errors need somebody.
bool passes(const Error& e) {
  return e.code == Errc::kUnavailable || e.code == Errc::kTimeout || e.code == Errc::kIo ||
         e.code == Errc::kCorrupt;
}

Error for_later(Error e) { return {Errc::kUnavailable, std::move(e.what)}; }

std::uint64_t random_seed() {
  const auto bytes = random_array<sizeof(std::uint64_t)>();
  std::uint64_t seed = 0;
  std::memcpy(&seed, bytes.data(), sizeof seed);
  return seed;
}

std::string seconds_text(std::int64_t ms) {
  return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + " s";
}

std::string round_text(std::uint32_t round) { return "round " + std::to_string(round); }

}  // namespace

struct DeviceLoop::RunSide {
  RunSide(std::uint64_t number, NetworkSpec spec, Graph g, int threads)
      : run(number),
        network(std::move(spec)),
        graph(std::move(g)),
        trainer(graph, network.input, threads) {}
  std::uint64_t run;
  NetworkSpec network;
  Graph graph;
  LocalTrainer trainer;
  ModelCache cache;
};

DeviceLoop::DeviceLoop(Fs& fs, StateDir& state, LocalSamples& samples, DeviceWorld& world,
                       DeviceOptions options)
    : fs_(fs),
      state_(state),
      samples_(samples),
      world_(world),
      options_(std::move(options)),
      backoff_(options_.retry_max_ms, random_seed()),
      updates_(fs, state.update_path()),
      checkpoints_(fs, state.checkpoint_path(), world.clock(), options_.checkpoint_ms),
      models_(fs, state.model_path()),
      memory_(fs, state.memory_path()) {}

DeviceLoop::~DeviceLoop() = default;

Result<DeviceEnd> DeviceLoop::run() {
  auto identity = state_.identity();
  if (!identity) return identity.error();
  identity_ = std::move(*identity);
  auto seen = SeenModels::open(fs_, state_.seen_path());
  if (!seen) return seen.error();
  seen_ = std::move(*seen);
  auto stored = updates_.load();
  if (stored) {
    update_ = std::move(*stored);
  } else {
    world_.say("stored update: " + stored.error().what);
  }
  if (update_) world_.say(round_text(update_->round) + ": an update is stored; it is sent first");
  while (!world_.stopping()) {
    auto next = step();
    if (!next && !passes(next.error())) return next.error();
    if (!next) {
      const std::int64_t wait_ms = backoff_.next_ms();
      world_.say(next.error().what + " (again in " + seconds_text(wait_ms) + ")");
      world_.wait(wait_ms);
      continue;
    }
    backoff_.reset();
    if (next->end) return *next->end;
    if (next->wait_ms > 0) world_.wait(next->wait_ms);
  }
  return DeviceEnd::kStopped;
}

Result<DeviceLoop::Next> DeviceLoop::step() {
  if (update_) {
    if (auto ok = connect(); !ok) return ok.error();
    return send();
  }
  if (const std::int64_t off_ms = world_.off_duty_ms(); off_ms > 0) {
    transport_.reset();
    return Next{std::min<std::int64_t>(off_ms, kAskDutyMs)};
  }
  if (auto ok = connect(); !ok) return ok.error();
  if (auto ok = renew_when_due(); !ok) return ok.error();
  auto reply = check_in(*transport_);
  if (!reply) return reply.error();
  if (const auto* refusal = std::get_if<Refusal>(&reply->answer)) {
    return declined(*refusal, reply->retry_after_ms);
  }
  auto* task = std::get_if<Task>(&reply->answer);
  if (task != nullptr) return work(std::move(*task));
  return Next{std::max(backoff_.window_ms(reply->retry_after_ms), kLeastWaitMs)};
}

Result<DeviceLoop::Next> DeviceLoop::declined(const Refusal& refusal,
                                              std::uint32_t retry_after_ms) {
  const std::int64_t wait_ms = std::max(backoff_.window_ms(retry_after_ms), kLeastWaitMs);
  const std::string what = std::string(refusal_name(refusal.code)) + ": " + refusal.text;
  switch (refusal.code) {
    case RefusalCode::kFinished:
      return Next{0, DeviceEnd::kFinished};
    case RefusalCode::kUnknownDevice:
    case RefusalCode::kProtocol:
      return Error{Errc::kRejected, "the coordinator refuses this device: " + what};
    case RefusalCode::kQuarantined:
      world_.say(what +
                 "; the coordinator's operator can release it (fedqat-coordinator devices "
                 "--release " +
                 identity_->profile.device_name + "); again in " + seconds_text(wait_ms));
      return Next{wait_ms};
    default:
      world_.say(what);
      return Next{wait_ms};
  }
}

Result<void> DeviceLoop::connect() {
  if (transport_ != nullptr) return {};
  auto transport = world_.connect(*identity_);
  if (!transport) return transport.error();
  transport_ = std::move(*transport);
  return {};
}

Result<void> DeviceLoop::renew_when_due() {
  if (static_cast<std::int64_t>(world_.unix_now_s()) < renewal_due_s(identity_->certificate)) {
    return {};
  }
  auto renewed = renew_certificate(state_, *transport_, *identity_);
  if (!renewed) {
    // The old one is good for a third of its life.
    if (!passes(renewed.error())) return renewed.error();
    world_.say("the certificate is not renewed yet: " + renewed.error().what);
    return {};
  }
  identity_->certificate = std::move(*renewed);
  world_.say("the certificate is renewed");
  transport_.reset();
  return connect();
}

// Before anything of a task is fetched or trusted.
Result<void> DeviceLoop::admit(const Task& task) {
  if (options_.config && config_hash(*options_.config) != task.config_hash) {
    return Error{Errc::kInvalid, "this config is not the one of the run, whose hash begins with " +
                                     to_hex(task.config_hash).substr(0, 16) + ", here it is " +
                                     to_hex(config_hash(*options_.config)).substr(0, 16) +
                                     "; use the coordinator's config with the same --set, or none"};
  }
  const auto manifest = open_manifest(task.manifest, identity_->profile.manifest_key);
  if (!manifest) {
    return Error{Errc::kRejected, "the task's model is not signed by the coordinator: " +
                                      manifest.error().what + "; tell its operator"};
  }
  if (manifest->run != task.run || manifest->round != task.round ||
      manifest->version != task.version || manifest->model_sha256 != task.model_sha256 ||
      manifest->config_hash != task.config_hash) {
    return Error{
        Errc::kRejected,
        "the task's manifest is signed for another model; tell the coordinator's operator"};
  }
  auto ok = seen_->admit(*manifest, world_.unix_now_s());
  if (!ok) return for_later(ok.error());
  return {};
}

Result<void> DeviceLoop::join_run(const Task& task) {
  if (run_ != nullptr && run_->run == task.run) return {};
  const auto samples = samples_.of(task.client);
  if (!samples) return samples.error();
  const bool own_files = (*samples)->name == "idx";  // the grid was fitted to this device's alone
  auto network = options_.config && !own_files
                     ? network_from_config(*options_.config, (*samples)->shape, (*samples)->classes,
                                           (*samples)->grid)
                     : fetch_network(*transport_, task.run);
  if (!network) return network.error();
  if (auto ok = check_samples(**samples, *network); !ok) return ok;
  auto graph = build_graph(network->model, network->quant);
  if (!graph) return graph.error();
  run_ =
      std::make_unique<RunSide>(task.run, std::move(*network), std::move(*graph), options_.threads);
  if (!task.steps_from) return {};
  if (auto ok = models_.load(task.run, run_->graph, run_->cache); !ok) {
    world_.say("stored model: " + ok.error().what);
  }
  return {};
}

Result<DeviceLoop::Next> DeviceLoop::work(Task task) {
  if (auto ok = admit(task); !ok) return ok.error();
  if (auto ok = join_run(task); !ok) return ok.error();
  const auto samples = samples_.of(task.client);
  if (!samples) return samples.error();
  Session session(*transport_, run_->graph, run_->cache);
  auto work = session.fetch(std::move(task), download_);
  if (!work) {
    // The round may be over by now.
    return work.error().code == Errc::kRejected ? for_later(work.error()) : work.error();
  }
  world_.say(round_text(work->task.round) + " (" + std::string(phase_name(work->task.phase)) +
             "): training on " + std::to_string((*samples)->size()) + " samples");
  if (work->task.steps_from) {
    const auto ok = models_.keep(work->task, run_->graph, *work->model);
    if (!ok) world_.say("the model is not kept: " + ok.error().what);
  }
  world_.before_training();
  try {
    auto update = train(*work, **samples);
    // A diverged round is not the end: the next model may train.
    if (!update) return for_later(update.error());
    if (auto ok = updates_.keep(*update); !ok) return ok.error();
    checkpoints_.clear();
    update_ = std::move(*update);
  } catch (const Stopped&) {
    return Next{0, DeviceEnd::kStopped};
  }
  return Next{};
}

Result<SealedUpdate> DeviceLoop::train(const Work& work, const Dataset& samples) {
  // The rest of a larger data set waits for a run that takes more.
  std::vector<std::uint32_t> all(std::min<std::size_t>(samples.size(), work.task.max_samples));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint32_t>(i);
  StoppableCheckpoints checkpoints(checkpoints_, world_);
  const auto memory = memory_.load(work.task.run);
  if (!memory) world_.say("memory: " + memory.error().what);
  return Session::train(run_->trainer, run_->graph, work, samples, all, &checkpoints,
                        memory ? std::span<const float>(*memory) : std::span<const float>());
}

Result<DeviceLoop::Next> DeviceLoop::send() {
  // Sending needs no network.
  static const Graph kAnyGraph;
  ModelCache nothing;
  Session session(*transport_, kAnyGraph, nothing);
  const auto outcome = session.finish(*update_);
  if (!outcome) return outcome.error();
  const auto* refusal = std::get_if<Refusal>(&*outcome);
  if (refusal != nullptr && refusal->code == RefusalCode::kBusy) {
    return declined(*refusal, session.retry_after_ms());
  }
  if (refusal == nullptr && !update_->memory.empty()) {
    if (auto ok = memory_.keep(update_->run, update_->memory); !ok) return ok.error();
  }
  if (auto ok = updates_.clear(); !ok) return ok.error();
  const std::uint32_t round = update_->round;
  const std::size_t bytes = update_->payload.size() + update_->stats.size();
  update_.reset();
  if (refusal != nullptr) {
    world_.say(round_text(round) + ": the update does not count");
    return declined(*refusal, session.retry_after_ms());
  }
  world_.say(round_text(round) + ": update of " + std::to_string(bytes) + " bytes counted");
  if (options_.once) return Next{0, DeviceEnd::kOnce};
  return Next{backoff_.window_ms(session.retry_after_ms())};
}

}  // namespace fedqat
