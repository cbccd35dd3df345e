#include "tests/dst/world.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"
#include "tests/dst/device.h"
#include "tests/dst/undisturbed.h"
#include "tests/support/memory_fs.h"

namespace fedqat::dst {
namespace {

constexpr std::uint64_t kMostEvents = 1'000'000;

thread_local World* g_world = nullptr;

std::string disk_name() {
  thread_local const int here = 0;  // one world a thread
  return "dst-" + std::to_string(reinterpret_cast<std::uintptr_t>(&here));
}

}  // namespace

void pass_in_world(const char* name) {
  if (g_world != nullptr) g_world->pass(name);
}

void Totals::operator+=(const Totals& o) {
  const auto add = [](std::uint64_t& a, std::uint64_t b) { a += b; };
  add(requests, o.requests), add(lost, o.lost), add(flipped, o.flipped);
  add(duplicates, o.duplicates), add(refused_connections, o.refused_connections);
  add(batches, o.batches), add(acks, o.acks), add(acked_updates, o.acked_updates);
  add(probes, o.probes), add(rounds, o.rounds), add(kills, o.kills);
  add(power_cuts, o.power_cuts), add(disk_errors, o.disk_errors);
  add(failed_syncs, o.failed_syncs), add(failed_starts, o.failed_starts);
  add(failpoint_stops, o.failpoint_stops), add(device_crashes, o.device_crashes);
  add(pauses, o.pauses), add(jumps, o.jumps), add(simulated_ms, o.simulated_ms);
  add(events, o.events);
  most_inbox_bytes = std::max(most_inbox_bytes, o.most_inbox_bytes);
}

World::World(const Plan& plan, const Options& options)
    : plan_(plan),
      options_(options),
      trace_(options.verbose),
      rng_({.seed = plan.seed, .client = 2}),
      graph_(*build_graph(plan.network.model, plan.network.quant)),
      oracle_(plan, graph_.params[0].offset),
      disk_(disk_name()),
      enrolled_(plan.late ? plan.clients - 1 : plan.clients),
      key_(PrivateKey::make_ed25519()) {
  // Failpoints of files are in the real ones.
  if (options.failpoint.starts_with("client.") || options.failpoint.starts_with("fs.")) {
    dir_ = std::make_unique<TempDir>();
    fs_ = make_posix_fs();
  } else {
    fs_ = std::make_unique<MemoryFs>();
  }
  const std::filesystem::path root = dir_ == nullptr ? "/" : dir_->path();
  for (ClientId who = 0; who < plan.clients; ++who) {
    const std::filesystem::path dir = root / ("device" + std::to_string(who));
    FEDQAT_CHECK(fs_->make_private_dir(dir));
    devices_.push_back(std::make_unique<Device>(*this, who, *fs_, dir));
  }
}

World::~World() = default;

void World::after(std::int64_t delay_ms, std::function<void()> event) {
  queue_.push({now_ms_ + delay_ms, events_++, std::move(event)});
}

std::int64_t World::between(std::int64_t low, std::int64_t high) {
  return low + rng_.below(static_cast<std::uint32_t>(high - low + 1));
}

Outcome World::run() {
  g_world = this;
  Outcome outcome;
  try {
    start();
    for (const auto& device : devices_) device->boot_later(between(0, 2000));
    if (plan_.late) {
      after(between(0, 30'000), [this] {
        enrolled_ = plan_.clients;
        say("the last device is enrolled");
        if (coordinator_ != nullptr) coordinator_->admit_clients(enrolled_);
      });
    }
    if (plan_.revokes) after(between(0, 30'000), [this] { revoke(); });
    after(between(1, plan_.fault_every_ms), [this] { inject_fault(); });
    after(plan_.calm_at_ms, [this] {
      say("nothing goes wrong any more");
      disk_.heal();
    });
    while (!finished()) {
      if (queue_.empty()) throw Violation{"nothing is going to happen any more"};
      Event event = queue_.top();
      queue_.pop();
      now_ms_ = event.at_ms;
      if (now_ms_ > plan_.done_by_ms || ++totals_.events > kMostEvents) {
        throw Violation{"it hangs: round " + std::to_string(oracle_.durable_rounds() + 1)};
      }
      event.run();
    }
    check_end();
  } catch (const Violation& v) {
    outcome.failure = v.what;
    outcome.lost = v.lost;
    say("VIOLATION: " + v.what);
  }
  in_process_ = kNobody;
  coordinator_.reset();
  journal_.reset();
  totals_.simulated_ms = static_cast<std::uint64_t>(now_ms_);
  totals_.acked_updates = oracle_.acks();
  totals_.rounds = oracle_.durable_rounds();
  outcome.totals = totals_;
  outcome.trace = trace_.finish();
  g_world = nullptr;
  return outcome;
}

void World::pass(const char* failpoint) {
  if (in_process_ == kNobody || calm()) return;
  const bool aimed = !options_.failpoint.empty();
  // A log is cut only after a power cut has torn its last line.
  const bool tears = options_.failpoint.ends_with("_cut") &&
                     std::string_view(failpoint) == "audit.sync.after_write";
  if (aimed && !tears && options_.failpoint != failpoint) return;
  if (stops_ >= 12 || !chance(aimed ? 0.5 : plan_.stopped)) return;
  if (!tears) ++stops_;
  if (!tears) ++totals_.failpoint_stops;
  say(std::string("failpoint ") + failpoint);
  // Before the stack is unwound: what destructors write must not reach the disk.
  if (in_process_ == kServer) {
    if (tears || chance(0.4)) {
      ++totals_.power_cuts;
      disk_.power_cut(rng_.next_u64());
    } else {
      ++totals_.kills;
      disk_.crash();
    }
  }
  throw ProcessEnds{failpoint};
}

void World::as_device(ClientId who, const std::function<void()>& step) {
  in_process_ = static_cast<int>(who);
  try {
    step();
  } catch (const ProcessEnds& end) {
    ++totals_.device_crashes;
    devices_[who]->crash();
  }
  in_process_ = kNobody;
}

void World::send(ClientId who, Bytes frame, Answered answered) {
  ++totals_.requests;
  if (!calm()) {
    if (chance(plan_.lost / 2)) {
      ++totals_.lost;
      return say("request of " + std::to_string(who) + " is lost");
    }
    if (chance(plan_.flipped)) {
      ++totals_.flipped;
      say("request of " + std::to_string(who) + " is damaged");
      return refuse_connection(answered);
    }
    if (chance(plan_.duplicated)) {
      ++totals_.duplicates;
      const std::int64_t delay = between(1, chance(0.5) ? 100 : 30'000);
      after(delay, [this, who, frame] {
        say("a duplicate of " + std::to_string(who));
        deliver(who, frame, {});
      });
    }
  }
  const std::int64_t delay = between(1, chance(0.1) && !calm() ? 3000 : 40);
  after(delay, [this, who, frame = std::move(frame), answered = std::move(answered)] {
    deliver(who, frame, answered);
  });
}

void World::refuse_connection(const Answered& answered) {
  if (answered == nullptr) return;
  ++totals_.refused_connections;
  after(between(1, 20), [answered] {
    answered(Error{Errc::kUnavailable, "simulated: the connection is cut"});
  });
}

void World::deliver(ClientId who, const Bytes& frame, const Answered& answered) {
  // The front desk knows no others.
  if (coordinator_ == nullptr || who >= enrolled_ || revoked_.contains(who)) {
    return refuse_connection(answered);
  }
  arrived_.push_back({who, frame, answered, {}});
  if (arrived_.size() > 10'000) throw Violation{"requests pile up"};
  expect_batch(between(0, 20));
}

void World::inject_fault() {
  if (calm()) return;
  after(between(1, 2 * plan_.fault_every_ms), [this] { inject_fault(); });
  const auto in_server = [&](auto fault) {
    if (coordinator_ != nullptr) fault();
  };
  switch (rng_.below(11)) {
    case 0:
      return in_server([&] { stop_server("SIGKILL", false); });
    case 1:
      return in_server([&] { stop_server("power cut", true); });
    case 2:
    case 3: {
      const auto who = static_cast<ClientId>(rng_.below(plan_.clients));
      if (devices_[who]->done()) return;
      ++totals_.device_crashes;
      return devices_[who]->crash();
    }
    case 4:
      ++totals_.disk_errors;
      say("no space left");
      disk_.fail_write(1 + rng_.below(30), SimDisk::Fault::kNoSpace, 1 + rng_.below(200));
      return after(between(500, 8000), [this] { disk_.heal(); });
    case 5:
      ++totals_.disk_errors;
      say("a write is going to fail");
      return disk_.fail_write(1 + rng_.below(60), SimDisk::Fault::kIo);
    case 6:
    case 7:
      ++totals_.disk_errors;
      say("a sync is going to fail");
      return disk_.fail_sync(1 + rng_.below(12));
    case 8:
      say("killed at a write to come");
      return disk_.crash_at(1 + rng_.below(60));
    case 9:
      ++totals_.pauses;
      paused_until_ms_ = now_ms_ + between(100, 15'000);
      return say("the coordinator stands still");
    default:
      // Model mode: ten deadlines without all devices are the end of a run.
      if (plan_.mode == Mode::kModel && totals_.jumps >= 3) return;
      return in_server([&] {
        ++totals_.jumps;
        clock_offset_ms_ += between(1, std::llrint(plan_.config.round().deadline_s() * 1000));
        say("the coordinator's clock jumps");
        expect_deadline();
      });
  }
}

void World::revoke() {
  constexpr ClientId kWho = 1;
  say("device 1 is revoked");
  revoked_.insert(kWho);
  devices_[kWho]->retire();
  if (coordinator_ != nullptr) coordinator_->bar(kWho);
}

bool World::finished() const {
  if (coordinator_ == nullptr || coordinator_->status() != Coordinator::Status::kFinished) {
    return false;
  }
  if (oracle_.durable_rounds() != coordinator_->rounds()) return false;
  return std::all_of(devices_.begin(), devices_.end(), [](const auto& d) { return d->done(); });
}

// The run is over; what is on the disk must be so too.
void World::check_end() {
  plan_.calm_at_ms = now_ms_;
  disk_.heal();
  stop_server("power cut at the end", true);
  start();
  if (coordinator_ == nullptr || coordinator_->status() != Coordinator::Status::kFinished) {
    throw Violation{"the run does not stay finished"};
  }
  if (plan_.audits) {
    const auto lines = AuditLog::verify("/sim/audit.jsonl", &disk_);
    if (!lines) throw Violation{"the audit log: " + lines.error().what};
  }
  const Digest model = model_digest(coordinator_->state());
  say("model " + to_hex(model));
  if (plan_.mode == Mode::kModel && model != undisturbed_model(plan_)) {
    throw Violation{"the model is not that of the undisturbed run"};
  }
}

Outcome simulate(std::uint64_t seed, const Options& options) {
  return World(make_plan(seed, options), options).run();
}

}  // namespace fedqat::dst
