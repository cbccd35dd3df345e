// The coordinator's process in the world: the core loop of coordinator/serve without its threads.
#include "common/wire/manifest.h"
#include "coordinator/batch.h"
#include "coordinator/state/sqlite_journal.h"
#include "tests/dst/device.h"
#include "tests/dst/world.h"

namespace fedqat::dst {
namespace {

constexpr const char* kAudit = "/sim/audit.jsonl";
constexpr std::int64_t kUnixNow = 1'800'000'000;
constexpr std::int64_t kChoresMs = 250;

std::string text_of(const Reply& reply) {
  if (const auto* t = std::get_if<Task>(&reply.body))
    return "task of round " + std::to_string(t->round);
  if (const auto* r = std::get_if<Refusal>(&reply.body)) {
    return "refusal: " + std::string(refusal_name(r->code));
  }
  if (const auto* a = std::get_if<Ack>(&reply.body)) {
    return (a->complete ? "ack of round " : "part of round ") + std::to_string(a->round);
  }
  if (std::holds_alternative<RetryLater>(reply.body)) {
    return "later: " + std::to_string(reply.retry_after_ms);
  }
  return "model";
}

}  // namespace

void World::start() {
  ++life_;
  epoch_ = disk_.epoch();
  clock_offset_ms_ = between(0, 1'000'000);
  paused_until_ms_ = 0;
  batch_at_ms_.reset();
  deadline_at_ms_.reset();
  in_process_ = kServer;
  const auto must_end = [&](const Error& error) {
    if (disk_.epoch() != epoch_) throw ProcessEnds{"killed while it started"};
    if (error.code == Errc::kCorrupt || error.code == Errc::kInvalid || calm()) {
      throw Violation{"the coordinator does not start: " + error.what};
    }
    ++totals_.failed_starts;
    throw ProcessEnds{error.what};
  };
  try {
    auto journal = open_sqlite_journal("/sim/journal.db", "/sim/payloads.seg",
                                       {.files = &disk_,
                                        .vfs = disk_.name(),
                                        .synchronous = options_.synchronous,
                                        .segment_growth = plan_.segment_growth});
    if (!journal) must_end(journal.error());
    journal_ = std::move(*journal);
    Surroundings surroundings{.journal = journal_.get()};
    if (plan_.audits) {
      auto audit = AuditLog::open(kAudit, kUnixNow, &disk_);
      if (!audit) must_end(audit.error());
      audit_ = std::move(*audit);
      surroundings.observe = [this](const CoordinatorEvent& event) { note(event); };
    }
    if (plan_.signs) surroundings.sign = [this](const Task& task) { return sign(task); };
    auto made = Coordinator::make(plan_.config, plan_.network, enrolled_, server_now(),
                                  std::move(surroundings));
    if (!made) must_end(made.error());
    coordinator_ = std::move(*made);
    if (disk_.epoch() != epoch_) throw ProcessEnds{"killed while it started"};
    for (const ClientId who : revoked_) coordinator_->bar(who);
  } catch (const ProcessEnds& end) {
    return stop_server(end.why, false);
  }
  in_process_ = kNobody;
  oracle_.began(*coordinator_);
  say("the coordinator begins after round " + std::to_string(coordinator_->rounds_done()) +
      ", missing " + std::to_string(coordinator_->wanted()));
  expect_batch(1);
}

void World::note(const CoordinatorEvent& event) {
  if (const auto* e = std::get_if<UpdateAccepted>(&event)) {
    (void)audit_->append(kUnixNow, "accept", {{"device", e->who}, {"round", e->round}});
  } else if (const auto* c = std::get_if<RoundClosed>(&event)) {
    (void)audit_->append(kUnixNow, "publish", {{"round", c->summary.round}});
  }
}

void World::chores() {
  if (!audit_ || now_ms_ < chores_at_ms_) return;
  chores_at_ms_ = now_ms_ + kChoresMs;
  const auto ok = audit_->sync();
  if (disk_.epoch() != epoch_) throw ProcessEnds{"killed at a write"};
  if (ok) return;
  if (calm()) throw Violation{"the audit log: " + ok.error().what};
  throw ProcessEnds{ok.error().what};
}

void World::stop_server(const std::string& why, bool power) {
  in_process_ = kNobody;
  say("the coordinator ends: " + why);
  if (disk_.epoch() == epoch_) {
    ++(power ? totals_.power_cuts : totals_.kills);
    if (power) disk_.power_cut(rng_.next_u64());
    if (!power) disk_.crash();
  }
  coordinator_.reset();
  audit_.reset();
  journal_.reset();
  manifests_.clear();
  ++life_;
  for (const Arrival& arrival : std::exchange(arrived_, {})) refuse_connection(arrival.answered);
  after(between(50, 3000), [this, life = life_] {
    if (life == life_) start();
  });
}

void World::expect_batch(std::int64_t delay_ms) {
  if (batch_at_ms_) return;
  batch_at_ms_ = now_ms_ + delay_ms;
  after(delay_ms, [this, life = life_] {
    if (life == life_) batch();
  });
}

void World::expect_deadline() {
  if (coordinator_->status() != Coordinator::Status::kRunning) return;
  const std::int64_t at = std::max(now_ms_, coordinator_->deadline_ms() - clock_offset_ms_);
  if (deadline_at_ms_ == at) return;
  deadline_at_ms_ = at;
  after(at - now_ms_, [this, life = life_] {
    if (life == life_) expect_batch(0);
  });
}

void World::batch() {
  batch_at_ms_.reset();
  if (now_ms_ < paused_until_ms_) return expect_batch(paused_until_ms_ - now_ms_);
  ++totals_.batches;
  std::vector<Arrival> taken = std::exchange(arrived_, {});
  const auto sync = [&]() -> Result<void> {
    if (disk_.epoch() != epoch_) throw ProcessEnds{"killed at a write"};
    const Result<void> ok = journal_->dirty() ? journal_->sync() : Result<void>();
    if (disk_.epoch() != epoch_) throw ProcessEnds{"killed at a write"};
    if (!ok) return ok;
    oracle_.synced();
    return {};
  };
  in_process_ = kServer;
  try {
    coordinator_->tick(server_now());
    oracle_.watch(*coordinator_);
    auto done = answer_batch(
        taken.size(), [&](std::size_t i) { return answer(taken[i]); }, sync,
        [&](std::size_t i, const Reply& r) { reply(taken[i], r); });
    if (!done) {
      ++totals_.failed_syncs;
      if (calm()) throw Violation{"a sync failed: " + done.error().what};
      // Either the files are still closed in order, or not.
      if (chance(0.5)) {
        in_process_ = kNobody;
        coordinator_.reset();
        journal_.reset();
      }
      throw ProcessEnds{done.error().what};
    }
    chores();
    in_process_ = kNobody;
    if (coordinator_->status() == Coordinator::Status::kFailed) {
      throw Violation{"the run failed: " + coordinator_->failure()};
    }
    expect_deadline();
  } catch (const ProcessEnds& end) {
    stop_server(end.why, chance(0.2));
    for (const Arrival& arrival : taken) refuse_connection(arrival.answered);
  }
}

Reply World::answer(Arrival& arrival) {
  auto request = decode_request(arrival.frame);
  if (!request) throw Violation{"a request does not parse: " + request.error().what};
  if (const auto* upload = std::get_if<UploadUpdate>(&*request)) {
    arrival.upload =
        Uploaded{arrival.who, upload->run, upload->round, upload->version, upload->digest};
  }
  Reply reply = coordinator_->handle(arrival.who, std::move(*request), server_now());
  oracle_.watch(*coordinator_);
  const std::uint64_t kept = coordinator_->inbox_bytes();
  totals_.most_inbox_bytes = std::max(totals_.most_inbox_bytes, kept);
  if (kept > std::uint64_t{16} << 20) throw Violation{"the inbox keeps too much"};
  return reply;
}

void World::reply(Arrival& arrival, const Reply& reply) {
  say("to " + std::to_string(arrival.who) + (arrival.answered ? ": " : " (duplicate): ") +
      text_of(reply));
  const auto* ack = std::get_if<Ack>(&reply.body);
  if (ack != nullptr && ack->complete) {
    if (!arrival.upload) throw Violation{"an ack without an upload"};
    ++totals_.acks;
    oracle_.acked(arrival.upload->round, arrival.who, arrival.upload->digest);
    if (chance(plan_.probed)) probe(arrival);
  }
  const World::Answered answered = std::exchange(arrival.answered, nullptr);
  if (answered == nullptr) return;
  if (!calm() && chance(plan_.lost / 2)) {
    ++totals_.lost;
    return say("the reply is lost");
  }
  if (!calm() && chance(plan_.flipped)) {
    ++totals_.flipped;
    return refuse_connection(answered);
  }
  after(between(1, chance(0.1) && !calm() ? 3000 : 40),
        [answered, frame = encode_reply(reply)] { answered(frame); });
}

// Another update of a client whose update is acknowledged: must never be.
void World::probe(const Arrival& arrival) {
  if (probes_[arrival.who] == 2) return;  // a third conflict would put the device in quarantine
  auto request = decode_request(arrival.frame);
  auto* upload = request ? std::get_if<UploadUpdate>(&*request) : nullptr;
  if (upload == nullptr || upload->offset != 0 || !upload->last()) return;
  auto stats = decode_stats(upload->stats);
  if (!stats) return;
  stats->loss += 1;
  upload->stats = encode_stats(*stats);
  upload->digest = update_digest(upload->data, upload->stats);
  ++probes_[arrival.who];
  ++totals_.probes;
  after(between(1, 5000), [this, who = arrival.who, frame = encode_request(*request)] {
    say("another update of " + std::to_string(who));
    deliver(who, frame, {});
  });
}

Bytes World::manifest_key() const { return key_.public_key_raw(); }

Bytes World::sign(const Task& task) {
  Bytes& manifest = manifests_[{task.version, task.round}];
  if (manifest.empty()) {
    manifest = sign_manifest(
        {task.run, task.round, task.version, task.model_sha256, task.config_hash, 4'000'000'000},
        key_);
  }
  return manifest;
}

}  // namespace fedqat::dst
