#include "coordinator/serve/core_loop.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "coordinator/batch.h"

namespace fedqat {
namespace {

constexpr std::int64_t kChoresMs = 250;    // registry, gauges, audit log
constexpr std::int64_t kExportMs = 10000;  // between exports of the model during the run
constexpr std::int64_t kStatusMs = 1000;   // between writes of status.json
// Devices come back up to a tenth later than they are told, and may have to connect first.
constexpr std::int64_t kLateMs = 1500;
constexpr std::int64_t kHeartbeatMs = 15000;  // silent for longer: not healthy

}  // namespace

CoreLoop::CoreLoop(FrontDesk& desk, AuditLog& audit, JsonLog& log, Metrics& metrics,
                   const Clock& clock)
    : desk_(desk), audit_(audit), log_(log), metrics_(metrics), clock_(clock) {}

CoreLoop::~CoreLoop() { stop(); }

void CoreLoop::start(RunHost& host, TlsServer& devices, TlsServer& enrolment) {
  host_ = &host;
  devices_ = &devices;
  enrolment_ = &enrolment;
  heartbeat_ms_ = clock_.now_ms();
  thread_ = std::thread([this] { run(); });
}

void CoreLoop::push(Arrived arrived) {
  {
    const std::scoped_lock lock(mutex_);
    queue_.push_back(std::move(arrived));
  }
  wake_.notify_one();
}

void CoreLoop::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void CoreLoop::run() {
  bring_in();
  now_and_then();
  while (!failure()) {
    std::vector<Arrived> batch;
    bool last = false;
    {
      std::unique_lock lock(mutex_);
      std::int64_t wait = kChoresMs;
      if (Coordinator* c = host_->coordinator();
          c != nullptr && c->status() == Coordinator::Status::kRunning) {
        wait = std::clamp<std::int64_t>(c->deadline_ms() - clock_.now_ms(), 0, kChoresMs);
      }
      wake_.wait_for(lock, std::chrono::milliseconds(wait),
                     [&] { return !queue_.empty() || stopping_; });
      batch.swap(queue_);
      last = stopping_;
      if (const auto config = std::exchange(reconfigured_, std::nullopt)) {
        desk_.set_certificate_days(config->certificate_days());
        host_->set_manifest_hours(config->manifest_hours());
      }
    }
    heartbeat_ms_ = clock_.now_ms();
    answer(batch);
    if (clock_.now_ms() - last_chores_ms_ >= kChoresMs || last) now_and_then();
    if (last && batch.empty()) break;
  }
  if (auto ok = audit_.sync(); !ok) log_.error("audit_failed", {{"error", ok.error().what}});
}

void CoreLoop::answer(std::vector<Arrived>& batch) {
  if (Coordinator* c = host_->coordinator(); c != nullptr) c->tick(clock_.now_ms());
  const auto sync = [&]() -> Result<void> {
    const auto start = std::chrono::steady_clock::now();
    if (auto ok = host_->sync(); !ok) return ok;
    if (!batch.empty()) {
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      metrics_.count_sync(took.count(), batch.size());
    }
    return {};
  };
  const auto send = [&](std::size_t i, const Reply& reply) {
    const auto* refusal = std::get_if<Refusal>(&reply.body);
    const bool close = refusal != nullptr && refusal->code == RefusalCode::kUnknownDevice;
    TlsServer& server = *(batch[i].enrolment ? enrolment_ : devices_);
    server.reply(batch[i].connection, encode_reply(reply), close);
  };
  const auto answer = [&](std::size_t i) {
    Reply reply = answer_one(batch[i]);
    if (!batch[i].enrolment) note_window(batch[i], reply);
    return reply;
  };
  if (auto ok = answer_batch(batch.size(), answer, sync, send); !ok) return fail(ok.error());
  if (std::exchange(round_closed_, false)) publish();
}

void CoreLoop::note_window(const Arrived& arrived, const Reply& reply) {
  const auto* refusal = std::get_if<Refusal>(&reply.body);
  const bool last = refusal != nullptr && (refusal->code == RefusalCode::kFinished ||
                                           refusal->code == RefusalCode::kUnknownDevice ||
                                           refusal->code == RefusalCode::kQuarantined);
  if (last) {
    come_back_ms_.erase(arrived.peer.public_key);
  } else {
    const std::int64_t window_ms = reply.retry_after_ms;
    come_back_ms_[arrived.peer.public_key] = clock_.now_ms() + window_ms + window_ms / 10 + kLateMs;
  }
}

bool CoreLoop::all_know() const { return finished_ && clock_.now_ms() > last_window_ms_; }

Reply CoreLoop::answer_one(Arrived& arrived) {
  if (!arrived.request) {
    return {0, Refusal{RefusalCode::kMalformed, arrived.request.error().what}};
  }
  if (arrived.enrolment) return answer_enrolment(arrived);
  const std::int64_t now_s = unix_now_s();
  const auto who = desk_.find(arrived.peer.public_key, now_s);
  if (!who) {
    return {0, Refusal{RefusalCode::kUnknownDevice,
                       "this device is not enrolled here, or was revoked; ask the operator"}};
  }
  if (const auto* renew = std::get_if<Renew>(&*arrived.request)) {
    return desk_.renew(*who, *renew, now_s);
  }
  Coordinator* coordinator = host_->coordinator();
  if (coordinator == nullptr) return host_->waiting();
  return coordinator->handle(*who, std::move(*arrived.request), clock_.now_ms());
}

Reply CoreLoop::answer_enrolment(const Arrived& arrived) {
  const auto* enroll = std::get_if<Enroll>(&*arrived.request);
  if (enroll == nullptr) {
    return {0, Refusal{RefusalCode::kUnknownDevice, "only enrolment is answered on this port"}};
  }
  Reply reply = desk_.enroll(*enroll, arrived.peer.address, unix_now_s());
  if (const auto* e = std::get_if<Enrolled>(&reply.body)) {
    log_.info("enrolled", {{"device", e->name},
                           {"number", std::int64_t{e->number}},
                           {"address", arrived.peer.address}});
    bring_in();
  }
  return reply;
}

void CoreLoop::observe(const CoordinatorEvent& event) {
  const std::int64_t now_s = unix_now_s();
  if (const auto* e = std::get_if<UpdateAccepted>(&event)) {
    metrics_.count_update(true, RefusalCode::kMalformed);
    (void)audit_.append(now_s, "accept",
                        {{"device", desk_.name_of(e->who)},
                         {"round", std::int64_t{e->round}},
                         {"update", to_hex(e->digest)}});
  } else if (const auto* r = std::get_if<UpdateRefused>(&event)) {
    metrics_.count_update(false, r->code);
    const std::string name = desk_.name_of(r->who);
    (void)audit_.append(
        now_s, "reject",
        {{"device", name}, {"round", std::int64_t{r->round}}, {"code", refusal_name(r->code)}});
    log_.warning("update_refused", {{"device", name},
                                    {"round", std::int64_t{r->round}},
                                    {"code", refusal_name(r->code)},
                                    {"text", r->text}});
  } else if (const auto* q = std::get_if<ClientQuarantined>(&event)) {
    const std::string name = desk_.name_of(q->who);
    (void)audit_.append(now_s, "quarantine", {{"device", name}});
    log_.warning("quarantined",
                 {{"device", name}, {"remedy", "fedqat-coordinator devices --release NAME"}});
    if (auto ok = desk_.quarantine(q->who); !ok) {
      log_.error("registry_failed", {{"error", ok.error().what}});
    }
  } else if (const auto* c = std::get_if<RoundClosed>(&event)) {
    const RoundSummary& s = c->summary;
    metrics_.count_round(static_cast<double>(s.duration_ms()) / 1000);
    log_.info("round_closed", {{"round", std::int64_t{s.round}},
                               {"phase", phase_name(s.phase)},
                               {"aggregated", std::int64_t{s.aggregated}},
                               {"stale", std::int64_t{s.stale}},
                               {"invited", std::int64_t{s.invited}},
                               {"refused", std::int64_t{s.refused}},
                               {"attempts", std::int64_t{s.attempts}},
                               {"train_loss", s.mean_loss},
                               {"duration_ms", s.duration_ms()}});
    round_closed_ = true;
  }
}

// After the commit of a round is durable: its model goes to the devices of the next one.
void CoreLoop::publish() {
  Coordinator& c = *host_->coordinator();
  if (c.status() != Coordinator::Status::kRunning) return now_and_then();
  (void)audit_.append(unix_now_s(), "publish",
                      {{"run", run_name(c.run())},
                       {"round", std::int64_t{c.rounds_done()}},
                       {"model_sha256", to_hex(c.model_sha256())}});
  if (clock_.now_ms() - last_export_ms_ >= kExportMs) {
    last_export_ms_ = clock_.now_ms();
    (void)export_model();
  }
}

// The SHA-256 of the file, unless it could not be written.
std::optional<std::string> CoreLoop::export_model() {
  auto sha256 = host_->export_model();
  if (!sha256) {
    log_.error("export_failed", {{"error", sha256.error().what}});
    return std::nullopt;
  }
  const Coordinator& c = *host_->coordinator();
  (void)audit_.append(unix_now_s(), "export",
                      {{"run", run_name(c.run())},
                       {"round", std::int64_t{c.rounds_done()}},
                       {"file_sha256", *sha256}});
  return *sha256;
}

// Enrolled devices take part from the next round on.
void CoreLoop::bring_in() {
  known_devices_ = desk_.devices();
  if (auto ok = host_->set_devices(desk_.devices(), desk_.barred(), clock_.now_ms()); !ok) {
    fail(ok.error());
  }
}

void CoreLoop::now_and_then() {
  last_chores_ms_ = clock_.now_ms();
  auto changes = desk_.refresh(unix_now_s());
  if (!changes) {
    log_.error("registry_failed", {{"error", changes.error().what}});
  } else {
    for (const ClientId who : changes->revoked) {
      log_.warning("revoked", {{"device", desk_.name_of(who)}});
    }
    if (!changes->revoked.empty()) cut_revoked();
    if (Coordinator* c = host_->coordinator(); c != nullptr) {
      for (const ClientId who : changes->released) c->release(who);
    }
    if (changes->any || desk_.devices() != known_devices_) bring_in();
  }
  std::int64_t last_ms = 0;
  for (const auto& [key, at_ms] : come_back_ms_) last_ms = std::max(last_ms, at_ms);
  last_window_ms_ = last_ms;
  if (auto ok = host_->sync(); !ok) return fail(ok.error());
  if (auto ok = audit_.sync(); !ok) return fail(ok.error());
  RunGauges gauges;
  gauges.devices = desk_.devices();
  gauges.devices_revoked = desk_.revoked();
  if (const Coordinator* c = host_->coordinator(); c != nullptr) {
    const bool running = c->status() == Coordinator::Status::kRunning;
    gauges.rounds_done = c->rounds_done();
    gauges.rounds = c->rounds();
    gauges.still_wanted = running ? c->wanted() : 0;
    gauges.devices_absent = static_cast<std::uint32_t>(c->attendance().absent.size());
    gauges.train_loss = c->last_round().mean_loss;
    if (!running && !finished_) end_run();
  }
  metrics_.set_run(gauges);
  std::string status = host_->status_json();
  if (status != written_status_ && clock_.now_ms() - last_status_ms_ >= kStatusMs) {
    last_status_ms_ = clock_.now_ms();
    if (auto ok = host_->write_status(status); !ok) {
      log_.warning("status_not_written", {{"error", ok.error().what}});
    }
    written_status_ = status;
  }
  const std::scoped_lock lock(mutex_);
  status_ = std::move(status);
}

void CoreLoop::cut_revoked() {
  devices_->close_if([revoked = desk_.revoked_keys()](const Peer& peer) {
    return revoked.contains(peer.public_key);
  });
}

void CoreLoop::end_run() {
  const Coordinator& c = *host_->coordinator();
  const bool good = c.status() == Coordinator::Status::kFinished;
  const auto sha256 = good ? export_model() : std::string();
  if (!sha256) return;  // tried again
  log_.write(good ? LogLevel::kInfo : LogLevel::kError, good ? "run_finished" : "run_failed",
             {{"run", run_name(c.run())},
              {"rounds", std::int64_t{c.rounds_done()}},
              {"model_sha256", *sha256},
              {"failure", c.failure()}});
  last_status_ms_ = 0;
  finished_ = true;
}

void CoreLoop::fail(const Error& error) {
  log_.error("stopping", {{"error", error.what},
                          {"remedy",
                           "what was acknowledged is safe; start again when the cause "
                           "is gone"}});
  const std::scoped_lock lock(mutex_);
  if (!failure_) failure_ = error;
}

void CoreLoop::reconfigure(const wire::DeployConfig& config) {
  const std::scoped_lock lock(mutex_);
  reconfigured_ = config;
}

std::string CoreLoop::status() const {
  const std::scoped_lock lock(mutex_);
  return status_;
}

bool CoreLoop::healthy() const { return clock_.now_ms() - heartbeat_ms_ < kHeartbeatMs; }

std::optional<Error> CoreLoop::failure() const {
  const std::scoped_lock lock(mutex_);
  return failure_;
}

}  // namespace fedqat
