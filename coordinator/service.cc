#include "coordinator/service.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"
#include "common/base/fs.h"
#include "common/wire/config.h"
#include "coordinator/calibrate.h"

namespace fedqat {
namespace {

constexpr std::uint32_t kSoonMs = 1000;  // retry window when there is nothing better to say
constexpr std::uint32_t kLongMs = 600000;
// Invalid updates in a run after which a client is not asked again: one may be bad luck.
constexpr std::uint32_t kMaxOffences = 3;

std::string refusal_text(RefusalCode code) {
  switch (code) {
    case RefusalCode::kWrongRun:
      return "this is another run; check in again";
    case RefusalCode::kWrongRound:
      return "that round is not open; check in again";
    case RefusalCode::kWrongVersion:
      return "the update was trained on another model; check in again";
    case RefusalCode::kLate:
      return "the round is closed; check in again";
    case RefusalCode::kNotInvited:
      return "no task was given to this client; check in first";
    case RefusalCode::kConflict:
      return "another update of this client is already counted in this round";
    case RefusalCode::kFinished:
      return "the run is over";
    case RefusalCode::kQuarantined:
      return "too many invalid updates came from this device; its operator has to look at it";
    default:
      return std::string(refusal_name(code));
  }
}

}  // namespace

Bytes Coordinator::handle(ClientId who, ByteView frame, std::int64_t now_ms) {
  auto request = decode_request(frame);
  if (!request) return encode_reply(refuse(RefusalCode::kMalformed, request.error().what));
  return encode_reply(handle(who, std::move(*request), now_ms));
}

void Coordinator::admit_clients(std::uint32_t clients) {
  if (clients <= state_.attendance.clients) return;
  state_.attendance.clients = clients;
  extend_again();
}

void Coordinator::bar(ClientId who) {
  if (state_.attendance.barred.insert(who).second) extend_again();
}

void Coordinator::release(ClientId who) {
  state_.attendance.barred.erase(who);
  offences_.erase(who);
}

Reply Coordinator::handle(ClientId who, Request&& request, std::int64_t now_ms) {
  tick(now_ms);
  state_.attendance.absent.erase(who);
  silent_.erase(who);
  if (const auto* r = std::get_if<CheckIn>(&request)) return answer(who, *r, now_ms);
  if (const auto* r = std::get_if<FetchNetwork>(&request)) return answer(*r);
  if (const auto* r = std::get_if<FetchModel>(&request)) return answer(*r);
  if (auto* r = std::get_if<UploadUpdate>(&request)) return answer(who, std::move(*r), now_ms);
  return refuse(RefusalCode::kMalformed, "certificates are not this run's business");
}

Reply Coordinator::refuse(RefusalCode code, std::string text) {
  if (text.empty()) text = refusal_text(code);
  return {kSoonMs, Refusal{code, std::move(text)}};
}

Reply Coordinator::refuse_update(ClientId who, std::uint32_t round, RefusalCode code,
                                 std::string text) {
  ++current_.refused;
  Reply reply = refuse(code, std::move(text));
  if (surroundings_.observe) {
    surroundings_.observe(UpdateRefused{who, round, code, std::get<Refusal>(reply.body).text});
  }
  if (code == RefusalCode::kInvalidUpdate || code == RefusalCode::kConflict) note_offence(who);
  return reply;
}

void Coordinator::note_offence(ClientId who) {
  if (++offences_[who] != kMaxOffences) return;
  bar(who);
  if (surroundings_.observe) surroundings_.observe(ClientQuarantined{who});
}

Reply Coordinator::answer(ClientId who, const CheckIn& request, std::int64_t now_ms) {
  if (request.protocol != kProtocolVersion) {
    return refuse(RefusalCode::kProtocol,
                  "protocol " + std::to_string(request.protocol) + " is not spoken here, only " +
                      std::to_string(kProtocolVersion) + "; update the client");
  }
  if (status_ != Status::kRunning) return refuse(RefusalCode::kFinished);
  if (state_.attendance.barred.contains(who)) {
    return {kLongMs, Refusal{RefusalCode::kQuarantined, refusal_text(RefusalCode::kQuarantined)}};
  }
  move_to_open(who);
  substitute(who);
  const auto actions = open().round.step(CheckedIn{who}, now_ms);
  if (const auto* give = std::get_if<GiveTask>(&actions.back())) {
    return {0, task_for(who, give->deadline_ms)};
  }
  return {std::get<ComeBack>(actions.back()).after_ms, RetryLater{}};
}

Task Coordinator::task_for(ClientId who, std::int64_t deadline_ms) const {
  const PlannedRound& plan = open();
  Task task;
  task.run = state_.run;
  task.round = plan.round.rules().round;
  task.version = plan.round.rules().version;
  task.config_hash = state_.config_hash;
  task.model_sha256 = plan.broadcast_sha256;
  task.model_size = plan.broadcast.size();
  task.phase = plan.phase;
  task.client = who;
  task.seed = config_.run().seed();
  task.deadline_ms = static_cast<std::uint64_t>(deadline_ms);
  task.training = plan.training;
  task.max_samples = max_samples_;
  task.steps_from = plan.steps_from;
  for (const TensorGrid& g : plan.grid) {
    task.grid.push_back({g.bits, g.step, g.codec, g.share});
  }
  if (surroundings_.sign) task.manifest = surroundings_.sign(task);
  return task;
}

Reply Coordinator::answer(const FetchNetwork& request) const {
  if (request.run != state_.run) {
    return {kSoonMs, Refusal{RefusalCode::kWrongRun, refusal_text(RefusalCode::kWrongRun)}};
  }
  return {0, network_};
}

Reply Coordinator::answer(const FetchModel& request) const {
  const Reply unknown{
      kSoonMs, Refusal{RefusalCode::kUnknownModel, "that model is not kept here; check in again"}};
  const auto plan = rounds_.find(static_cast<std::uint32_t>(request.version + 1));
  if (request.run != state_.run || status_ != Status::kRunning || plan == rounds_.end() ||
      plan->second.round.rules().version != request.version || plan->second.broadcast.empty()) {
    return unknown;
  }
  const ByteView model = request.from ? publisher_->steps(*request.from, request.version)
                                      : ByteView(plan->second.broadcast);
  const auto chunks = static_cast<std::uint32_t>((model.size() + kChunkBytes - 1) / kChunkBytes);
  if (request.chunk >= chunks) return unknown;
  const std::size_t first = request.chunk * kChunkBytes;
  const ByteView data = model.subspan(first, std::min(kChunkBytes, model.size() - first));
  return {0, ModelChunk{request.version, request.chunk, chunks, plan->second.broadcast_sha256,
                        Bytes(data.begin(), data.end())}};
}

Result<void> Coordinator::check_stats(const PlannedRound& plan, const UpdateStats& stats) const {
  if (stats.samples > max_samples_) {
    return Error{Errc::kInvalid,
                 "update of " + std::to_string(stats.samples) +
                     " samples; round.max_samples = " + std::to_string(max_samples_) +
                     " is the limit: train on fewer, or raise it for the run"};
  }
  // Every observed sample gives each quantizer a value an element: no client weighs more than its
  // samples in the histograms either.
  const std::uint64_t observed = std::min(stats.samples, plan.training.calibration_samples);
  for (std::size_t s = 0; s < std::min(stats.histograms.size(), graph_->steps.size()); ++s) {
    const Step& step = graph_->steps[s];
    const std::uint64_t want = step.requantizes() ? observed * step.out.size() : 0;
    if (stats.histograms[s].count() != want) {
      return Error{Errc::kInvalid, "stats.histograms of step " + step.name + " count " +
                                       std::to_string(stats.histograms[s].count()) + " values; " +
                                       std::to_string(observed) + " observed samples have " +
                                       std::to_string(want)};
    }
  }
  return {};
}

// payload: one that the aggregator admits.
Result<void> Coordinator::check_norm(const PlannedRound& plan, ByteView payload) const {
  const double limit = config_.round().max_update_norm();
  if (limit == 0) return {};
  const auto values = decode_update(plan.grid, payload);
  if (!values) return values.error();
  double squares = 0;
  for (const ParamTensor& p : graph_->params) {
    if (is_scale(p) || is_statistic(p)) continue;
    for (std::size_t i = p.offset; i < p.offset + p.size; ++i) {
      squares += static_cast<double>((*values)[i]) * static_cast<double>((*values)[i]);
    }
  }
  if (squares <= limit * limit) return {};
  return Error{Errc::kInvalid, "update of norm " + std::to_string(std::sqrt(squares)) +
                                   "; round.max_update_norm = " + std::to_string(limit) +
                                   " is the limit: train with a lower client.learning_rate, or "
                                   "raise it for the run"};
}

// Who is counted on for an update of an earlier round and checks in instead works on none.
void Coordinator::move_to_open(ClientId who) {
  if (!at_work_.contains(who) || open().round.is_invited(who)) return;
  for (const auto& [number, plan] : rounds_) {
    if (plan.round.takes_late() && plan.round.is_missing(who)) {
      return invite_out_of_turn(who);
    }
  }
}

Aggregator& Coordinator::sum_of(const PlannedRound& plan) {
  const bool observes = plan.training.calibration_samples > 0;
  return sum_->of(plan.round.rules().round, plan.grid, observes ? graph_->steps.size() : 0,
                  observes ? votes_for(*graph_, config_) : std::vector<RangeVotes>{});
}

Reply Coordinator::answer(ClientId who, UploadUpdate&& request, std::int64_t now_ms) {
  const Uploaded event{who, request.run, request.round, request.version, request.digest};
  const auto ack = [&](std::uint64_t received, bool complete) {
    const std::uint32_t wait =
        complete && status_ == Status::kRunning ? open().round.retry_ms(who, now_ms) : 0;
    return Reply{wait, Ack{event.run, event.round, received, complete}};
  };
  if (state_.attendance.barred.contains(who)) {
    return refuse_update(who, event.round, RefusalCode::kQuarantined);
  }
  const auto found = rounds_.find(event.round);
  PlannedRound& plan = found != rounds_.end() ? found->second : open();
  const Action verdict = plan.round.judge(event);
  if (std::holds_alternative<AckAgain>(verdict)) return ack(request.payload_size, true);
  if (const auto* no = std::get_if<Refuse>(&verdict)) {
    return refuse_update(who, event.round, no->code);
  }
  Bytes stats_bytes = request.stats;
  auto progress = inbox_.add(who, std::move(request), payload_size(plan.grid), now_ms);
  if (progress && progress->busy) {
    Reply reply = refuse(RefusalCode::kBusy, "too many updates are coming in; wait");
    reply.retry_after_ms = open().round.retry_ms(who, now_ms);
    return reply;
  }
  if (progress && !progress->whole) return ack(progress->received, false);
  auto stats = progress ? decode_stats(stats_bytes) : Result<UpdateStats>(progress.error());
  Aggregator& sum = sum_of(plan);
  Result<void> ok = stats ? check_stats(plan, *stats) : stats.error();
  if (ok) ok = sum.check(progress->payload, *stats);
  if (ok) ok = check_norm(plan, progress->payload);
  if (!ok) return refuse_update(who, event.round, RefusalCode::kInvalidUpdate, ok.error().what);
  AcceptedUpdate update{who,
                        event.round,
                        event.version,
                        event.digest,
                        std::move(progress->payload),
                        std::move(stats_bytes)};
  if (surroundings_.journal != nullptr) {
    if (auto added = surroundings_.journal->add(update); !added) {
      return refuse(RefusalCode::kBusy, "the update cannot be stored now: " + added.error().what);
    }
  }
  auto actions = plan.round.step(event, now_ms);
  FEDQAT_CHECK(std::holds_alternative<Accept>(actions.front()));  // tick() met the deadline
  if (&plan != &open()) {
    actions = open().round.step(CountedLate{}, now_ms);
    // Nobody else is left to take the place that this client's work had.
    if (next_ == order_.size() && open().round.open()) invite_out_of_turn(who);
  }
  sum.accumulate(update.payload, *stats);
  fill_up();
  if (surroundings_.observe) {
    surroundings_.observe(UpdateAccepted{who, event.round, event.digest});
  }
  carry_out(actions, now_ms);
  return ack(progress->received, true);
}

}  // namespace fedqat
