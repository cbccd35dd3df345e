#include "coordinator/service.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "common/base/check.h"
#include "common/base/fs.h"
#include "common/wire/broadcast.h"
#include "common/wire/config.h"
#include "coordinator/calibrate.h"
#include "coordinator/cohort.h"

namespace fedqat {
namespace {

constexpr std::uint32_t kSoonMs = 1000;  // retry window when there is nothing better to say
// Together with over-selection this reaches every client of a small run; a federation that misses
// its quorum so often needs an operator.
constexpr std::uint32_t kMaxAttempts = 10;

// ceil(share n) as written in decimals: 0.55 * 100 is a little above 55 in binary.
std::uint32_t share_of(double share, std::uint32_t n) {
  const auto whole = static_cast<double>(n);
  return static_cast<std::uint32_t>(std::ceil(share * whole - 1e-9 * whole));
}

std::uint64_t sent_elements(const UpdateGrid& grid) {
  std::uint64_t n = 0;
  for (const TensorGrid& t : grid) n += t.bits == kNotSentBits ? 0 : t.size;
  return n;
}

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
    default:
      return std::string(refusal_name(code));
  }
}

}  // namespace

Digest config_hash(const wire::Config& config) {
  wire::Config c = config;
  c.clear_sim();
  c.clear_compare();
  c.mutable_data()->clear_dir();
  return sha256(as_bytes(effective_toml(c)));
}

Coordinator::Coordinator(const wire::Config& config, const NetworkSpec& network,
                         std::uint32_t clients, Schedule schedule)
    : config_(config), network_(network), clients_(clients), schedule_(schedule) {}

Coordinator::~Coordinator() = default;

Result<std::unique_ptr<Coordinator>> Coordinator::make(const wire::Config& config,
                                                       const NetworkSpec& network,
                                                       std::uint32_t clients, std::int64_t now_ms) {
  if (clients == 0) return Error{Errc::kInvalid, "the run has no clients"};
  auto schedule = Schedule::make(config);
  if (!schedule) return schedule.error();
  auto graph = build_graph(network.model, network.quant);
  if (!graph) return graph.error();
  auto strategy = make_strategy(config.server(), graph->param_count);
  if (!strategy) return strategy.error();
  std::unique_ptr<Coordinator> c(new Coordinator(config, network, clients, *schedule));
  c->config_hash_ = config_hash(config);
  std::memcpy(&c->run_, c->config_hash_.data(), sizeof c->run_);
  c->graph_ = std::make_unique<Graph>(std::move(*graph));
  c->state_ = init_model(*c->graph_, config.run().seed());
  c->strategy_ = std::move(*strategy);
  c->planner_ =
      std::make_unique<GridPlanner>(*c->graph_, static_cast<int>(config.codec().uplink_bits()));
  const UpdateGrid probe = c->planner_->grid(true);
  if (auto ok = check_grid(probe); !ok) return at("codec.uplink_bits", ok.error());
  // The first grid, fp32, is the one with the least room.
  const std::uint64_t goal = std::min(config.round().clients(), clients);
  const std::uint64_t most = max_total_samples(probe);
  c->max_samples_ = config.round().max_samples();
  if (c->max_samples_ == 0) {
    c->max_samples_ = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(most / goal, 1, 100000));
  }
  if (goal * c->max_samples_ > most) {
    return Error{Errc::kInvalid, "round.max_samples = " + std::to_string(c->max_samples_) + " of " +
                                     std::to_string(goal) +
                                     " clients (round.clients): their exact sum has room for " +
                                     std::to_string(most) + " samples; set round.max_samples to " +
                                     std::to_string(most / goal) +
                                     " or less, or lower round.clients"};
  }
  c->open_round(now_ms);
  return c;
}

std::uint32_t Coordinator::cohort_size(std::uint32_t attempt) const {
  const std::uint32_t goal = std::min(config_.round().clients(), clients_);
  const std::uint64_t one = share_of(config_.round().over_selection(), goal);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(one * attempt, clients_));
}

void Coordinator::open_round(std::int64_t now_ms) {
  RoundRules rules;
  rules.run = run_;
  rules.round = done_ + 1;
  rules.version = done_;
  rules.goal = std::min(config_.round().clients(), clients_);
  rules.quorum = std::clamp(share_of(config_.round().quorum(), rules.goal), 1U, rules.goal);
  rules.length_ms = std::max<std::int64_t>(1, std::llrint(config_.round().deadline_s() * 1000));
  rules.max_attempts = kMaxAttempts;
  cohort_ = choose_cohort(config_.run().seed(), rules.round, clients_, cohort_size(1));
  round_ = std::make_unique<Round>(rules, cohort_, now_ms);
  training_ = schedule_.training(rules.round);
  grid_ = planner_->grid(training_.scale_learning_rate > 0);
  const bool observes = training_.calibration_samples > 0;
  aggregator_ = std::make_unique<Aggregator>(grid_, observes ? graph_->steps.size() : 0);
  inbox_.clear();
  broadcast_ = encode_broadcast(*graph_, state_, static_cast<int>(config_.codec().downlink_bits()));
  broadcast_sha256_ = sha256(broadcast_);
  current_ = {};
  current_.round = rules.round;
  current_.phase = schedule_.phase(rules.round);
  current_.opened_ms = now_ms;
}

void Coordinator::tick(std::int64_t now_ms) {
  if (status_ == Status::kRunning) carry_out(round_->step(Ticked{}, now_ms), now_ms);
}

void Coordinator::carry_out(const std::vector<Action>& actions, std::int64_t now_ms) {
  for (const Action& action : actions) {
    if (std::holds_alternative<Commit>(action)) commit(now_ms);
    if (std::holds_alternative<Extend>(action)) extend();
    if (std::holds_alternative<Abandon>(action)) {
      fail("round " + std::to_string(round_->rules().round) + ": only " +
           std::to_string(round_->accepted()) + " of the " +
           std::to_string(round_->rules().quorum) + " updates of a quorum after " +
           std::to_string(kMaxAttempts) +
           " deadlines; raise round.deadline_s or round.over_selection, or lower round.quorum");
    }
  }
}

void Coordinator::extend() {
  cohort_ = choose_cohort(config_.run().seed(), round_->rules().round, clients_,
                          cohort_size(round_->attempt()));
  round_->invite(cohort_);
}

void Coordinator::commit(std::int64_t now_ms) {
  const Aggregate sum = std::move(*aggregator_).report();
  apply_mean(*graph_, *strategy_, mean_update(sum), state_.params);
  planner_->learn(sum);
  if (current_.phase == Phase::kObserve) calibrate(*graph_, sum.histograms, state_);

  current_.invited = round_->invited();
  current_.tasked = round_->tasked();
  current_.aggregated = sum.clients;
  current_.attempts = round_->attempt();
  current_.samples_seen = sum.seen;
  current_.mean_loss = static_cast<double>(sum.loss) * kLossUnit /
                       static_cast<double>(std::max<std::uint64_t>(sum.seen, 1));
  const std::uint64_t codes = sent_elements(grid_) * sum.clients;
  current_.clipped_share =
      codes == 0 ? 0 : static_cast<double>(sum.clipped) / static_cast<double>(codes);
  current_.closed_ms = now_ms;
  last_ = current_;
  ++done_;
  if (!std::all_of(state_.params.begin(), state_.params.end(),
                   [](float v) { return std::isfinite(v); })) {
    return fail("round " + std::to_string(done_) +
                ": the model is not finite; lower server.learning_rate or client.learning_rate");
  }
  if (done_ == schedule_.rounds()) {
    status_ = Status::kFinished;
    inbox_.clear();
    return;
  }
  previous_ = std::move(round_);
  open_round(now_ms);
}

void Coordinator::fail(std::string why) {
  status_ = Status::kFailed;
  inbox_.clear();
  failure_ = std::move(why);
}

Bytes Coordinator::handle(ClientId who, ByteView request, std::int64_t now_ms) {
  tick(now_ms);
  auto decoded = decode_request(request);
  if (!decoded) return encode_reply(refuse(RefusalCode::kMalformed, decoded.error().what));
  return encode_reply(answer(who, std::move(*decoded), now_ms));
}

Reply Coordinator::answer(ClientId who, Request&& request, std::int64_t now_ms) {
  if (const auto* r = std::get_if<CheckIn>(&request)) return answer(who, *r, now_ms);
  if (const auto* r = std::get_if<FetchNetwork>(&request)) return answer(*r);
  if (const auto* r = std::get_if<FetchModel>(&request)) return answer(*r);
  return answer(who, std::get<UploadUpdate>(std::move(request)), now_ms);
}

Reply Coordinator::refuse(RefusalCode code, std::string text) {
  if (text.empty()) text = refusal_text(code);
  return {kSoonMs, Refusal{code, std::move(text)}};
}

Reply Coordinator::answer(ClientId who, const CheckIn& request, std::int64_t now_ms) {
  if (request.protocol != kProtocolVersion) {
    return refuse(RefusalCode::kProtocol,
                  "protocol " + std::to_string(request.protocol) + " is not spoken here, only " +
                      std::to_string(kProtocolVersion) + "; update the client");
  }
  if (status_ != Status::kRunning) return refuse(RefusalCode::kFinished);
  const auto actions = round_->step(CheckedIn{who}, now_ms);
  if (const auto* give = std::get_if<GiveTask>(&actions.back())) {
    return {0, task_for(who, give->deadline_ms)};
  }
  return {std::get<ComeBack>(actions.back()).after_ms, RetryLater{}};
}

Task Coordinator::task_for(ClientId who, std::int64_t deadline_ms) const {
  Task task;
  task.run = run_;
  task.round = round_->rules().round;
  task.version = round_->rules().version;
  task.config_hash = config_hash_;
  task.model_sha256 = broadcast_sha256_;
  task.model_size = broadcast_.size();
  task.phase = current_.phase;
  task.client = who;
  task.seed = config_.run().seed();
  task.deadline_ms = static_cast<std::uint64_t>(deadline_ms);
  task.training = training_;
  for (const TensorGrid& g : grid_) task.grid.push_back({g.bits, g.step});
  return task;
}

Reply Coordinator::answer(const FetchNetwork& request) const {
  if (request.run != run_) {
    return {kSoonMs, Refusal{RefusalCode::kWrongRun, refusal_text(RefusalCode::kWrongRun)}};
  }
  return {0, network_};
}

Reply Coordinator::answer(const FetchModel& request) const {
  const auto chunks =
      static_cast<std::uint32_t>((broadcast_.size() + kChunkBytes - 1) / kChunkBytes);
  if (request.run != run_ || status_ != Status::kRunning ||
      request.version != round_->rules().version || request.chunk >= chunks) {
    return {kSoonMs,
            Refusal{RefusalCode::kUnknownModel, "that model is not kept here; check in again"}};
  }
  const std::size_t first = request.chunk * kChunkBytes;
  const ByteView data =
      ByteView(broadcast_).subspan(first, std::min(kChunkBytes, broadcast_.size() - first));
  return {0, ModelChunk{request.version, request.chunk, chunks, broadcast_sha256_,
                        Bytes(data.begin(), data.end())}};
}

Result<void> Coordinator::check_stats(const UpdateStats& stats) const {
  if (stats.samples > max_samples_) {
    return Error{Errc::kInvalid,
                 "update of " + std::to_string(stats.samples) +
                     " samples; round.max_samples = " + std::to_string(max_samples_) +
                     " is the limit: train on fewer, or raise it for the run"};
  }
  // Every observed sample gives each quantizer a value an element: no client weighs more than its
  // samples in the histograms either.
  const std::uint64_t observed = std::min(stats.samples, training_.calibration_samples);
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

Reply Coordinator::answer(ClientId who, UploadUpdate&& request, std::int64_t now_ms) {
  const Uploaded event{who, request.run, request.round, request.version, request.sha256};
  const auto ack = [&](std::uint64_t received, bool complete) {
    return Reply{complete ? kSoonMs : 0, Ack{event.run, event.round, received, complete}};
  };
  const bool to_previous = previous_ != nullptr && request.round == previous_->rules().round;
  const Action verdict = (to_previous ? *previous_ : *round_).judge(event);
  if (std::holds_alternative<AckAgain>(verdict)) return ack(request.payload_size, true);
  if (const auto* no = std::get_if<Refuse>(&verdict)) {
    ++current_.refused;
    return refuse(no->code);
  }
  const Bytes stats_bytes = request.stats;
  auto progress = inbox_.add(who, std::move(request), payload_size(grid_));
  if (progress && !progress->whole) return ack(progress->received, false);
  auto stats = progress ? decode_stats(stats_bytes) : Result<UpdateStats>(progress.error());
  Result<void> ok = stats ? check_stats(*stats) : stats.error();
  if (ok) ok = aggregator_->check(progress->payload, *stats);
  if (!ok) {
    ++current_.refused;
    return refuse(RefusalCode::kInvalidUpdate, ok.error().what);
  }
  const auto actions = round_->step(event, now_ms);
  FEDQAT_CHECK(std::holds_alternative<Accept>(actions.front()));  // tick() met the deadline
  aggregator_->accumulate(progress->payload, *stats);
  const Reply reply = ack(progress->received, true);
  carry_out(actions, now_ms);
  return reply;
}

}  // namespace fedqat
