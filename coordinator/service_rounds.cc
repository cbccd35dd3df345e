// How rounds of a Coordinator begin, end and go on after a restart.
#include <algorithm>
#include <cmath>

#include "common/base/check.h"
#include "common/wire/broadcast.h"
#include "coordinator/calibrate.h"
#include "coordinator/service.h"

namespace fedqat {
namespace {

// Together with over-selection this reaches every client of a small run; a federation that misses
// its quorum so often needs an operator.
constexpr std::uint32_t kMaxAttempts = 10;
// Of clients that have nothing to do, all together; leaves most of a core to uploads.
constexpr std::int64_t kCheckInsPerSecond = 500;
constexpr std::int64_t kLeastRetryMs = 20;

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

Error foreign_state(const std::string& what) {
  return {Errc::kInvalid, "the journal's checkpoint " + what +
                              "; use the config that the run began with, or another state folder"};
}

}  // namespace

Coordinator::Coordinator(const wire::Config& config, const NetworkSpec& network, Schedule schedule)
    : config_(config), network_(network), schedule_(schedule) {}

Coordinator::~Coordinator() = default;

Result<std::unique_ptr<Coordinator>> Coordinator::make(const wire::Config& config,
                                                       const NetworkSpec& network,
                                                       std::uint32_t clients, std::int64_t now_ms,
                                                       Surroundings surroundings) {
  if (clients == 0) return Error{Errc::kInvalid, "the run has no clients"};
  auto schedule = Schedule::make(config);
  if (!schedule) return schedule.error();
  auto graph = build_graph(network.model, network.quant);
  if (!graph) return graph.error();
  auto strategy = make_strategy(config.server(), graph->param_count);
  if (!strategy) return strategy.error();
  std::unique_ptr<Coordinator> c(new Coordinator(config, network, *schedule));
  c->inbox_ = Inbox(surroundings.inbox_bytes);
  c->surroundings_ = std::move(surroundings);
  c->graph_ = std::make_unique<Graph>(std::move(*graph));
  c->strategy_ = std::move(*strategy);
  c->planner_ =
      std::make_unique<GridPlanner>(*c->graph_, static_cast<int>(config.codec().uplink_bits()));
  c->state_.config_hash = config_hash(config);
  c->state_.run = run_number(c->state_.config_hash);
  c->state_.attendance.clients = clients;
  if (auto ok = c->limit_samples(); !ok) return ok.error();
  if (auto ok = c->begin(clients, now_ms); !ok) return ok.error();
  return c;
}

Result<void> Coordinator::limit_samples() {
  const UpdateGrid probe = planner_->grid(true);
  if (auto ok = check_grid(probe); !ok) return at("codec.uplink_bits", ok.error());
  // The first grid, fp32, is the one with the least room.
  const std::uint64_t most = max_total_samples(probe);
  const std::uint64_t goal = this->goal();
  max_samples_ = config_.round().max_samples();
  if (max_samples_ == 0) {
    max_samples_ = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(most / goal, 1, 100000));
  }
  if (goal * max_samples_ > most) {
    return Error{Errc::kInvalid, "round.max_samples = " + std::to_string(max_samples_) + " of " +
                                     std::to_string(goal) +
                                     " clients (round.clients): their exact sum has room for " +
                                     std::to_string(most) + " samples; set round.max_samples to " +
                                     std::to_string(most / goal) +
                                     " or less, or lower round.clients"};
  }
  most_clients_ = most / max_samples_;
  return {};
}

Result<void> Coordinator::begin(std::uint32_t clients, std::int64_t now_ms) {
  Journal* journal = surroundings_.journal;
  if (journal != nullptr) {
    auto recovered = journal->load();
    if (!recovered) return recovered.error();
    if (*recovered) {
      return resume(std::move(**recovered), clients, now_ms);
    }
  }
  state_.model = init_model(*graph_, config_.run().seed());
  if (auto ok = write_checkpoint(); !ok) return ok;
  open_round(now_ms);
  return {};
}

Result<void> Coordinator::resume(Recovered&& recovered, std::uint32_t clients,
                                 std::int64_t now_ms) {
  auto state = decode_run_state(recovered.checkpoint.state);
  if (!state) return state.error();
  if (auto ok = restore(std::move(*state)); !ok) return ok;
  if (state_.rounds_done == schedule_.rounds()) status_ = Status::kFinished;
  RoundRules before = rules();
  before.round = state_.rounds_done;
  before.version = before.round - 1;
  before.goal = before.quorum =
      std::max<std::uint32_t>(1, static_cast<std::uint32_t>(recovered.previous.size()));
  previous_ = std::make_unique<Round>(before, std::span<const ClientId>{}, now_ms);
  for (const KnownUpdate& u : recovered.previous) previous_->recall(u.client, u.sha256);
  previous_->close();
  if (status_ != Status::kRunning) {
    round_ = std::move(previous_);  // answers those that did not hear of their acknowledgement
    admit_clients(clients);
    return {};
  }
  open_round(now_ms);
  round_->resume_attempt(recovered.attempt);
  if (recovered.attempt > 1) extend();
  admit_clients(clients);
  bool closed = false;
  const auto each = [&](AcceptedUpdate&& update) -> Result<void> {
    const auto stats = decode_stats(update.stats);
    if (!stats) return stats.error();
    if (auto ok = aggregator_->check(update.payload, *stats); !ok) return ok;
    aggregator_->accumulate(update.payload, *stats);
    closed = round_->recall(update.client, update.sha256);
    return {};
  };
  if (auto ok = surroundings_.journal->replay(round_->rules().round, each); !ok) return ok;
  if (closed) commit(now_ms);
  return {};
}

Result<void> Coordinator::restore(RunState&& state) {
  if (state.run != state_.run || state.config_hash != state_.config_hash) {
    return foreign_state("is of another config");
  }
  std::size_t strategy_size = 0;
  for (const auto span : strategy_->state()) strategy_size += span.size();
  if (state.model.params.size() != graph_->param_count ||
      state.model.zero_points.size() != graph_->steps.size() ||
      state.strategy.size() != strategy_size || state.ranges.size() != planner_->state().size() ||
      state.rounds_done > schedule_.rounds()) {
    return foreign_state("does not fit the network");
  }
  std::size_t at = 0;
  for (const auto span : strategy_->state()) {
    std::copy_n(state.strategy.begin() + static_cast<std::ptrdiff_t>(at), span.size(),
                span.begin());
    at += span.size();
  }
  std::copy(state.ranges.begin(), state.ranges.end(), planner_->state().begin());
  state_ = std::move(state);
  state_.strategy.clear();
  state_.ranges.clear();
  return {};
}

Result<void> Coordinator::write_checkpoint() {
  if (surroundings_.journal == nullptr) return {};
  RunState written = state_;
  for (const auto span : strategy_->state()) {
    written.strategy.insert(written.strategy.end(), span.begin(), span.end());
  }
  const auto ranges = planner_->state();
  written.ranges.assign(ranges.begin(), ranges.end());
  return surroundings_.journal->commit_round(
      {state_.run, state_.rounds_done, encode_run_state(written)});
}

std::uint32_t Coordinator::goal() const {
  const std::uint64_t n = std::min(config_.round().clients(), state_.attendance.eligible());
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(n, 1, most_clients_));
}

std::uint32_t Coordinator::cohort_size(std::uint32_t attempt) const {
  const std::uint64_t one = share_of(config_.round().over_selection(), round_->rules().goal);
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(one * attempt, state_.attendance.clients));
}

RoundRules Coordinator::rules() const {
  RoundRules rules;
  rules.run = state_.run;
  rules.round = state_.rounds_done + 1;
  rules.version = state_.rounds_done;
  rules.goal = goal();
  rules.quorum = std::clamp(share_of(config_.round().quorum(), rules.goal), 1U, rules.goal);
  rules.length_ms = std::max<std::int64_t>(1, std::llrint(config_.round().deadline_s() * 1000));
  rules.max_attempts = kMaxAttempts;
  rules.expected_ms = state_.last.duration_ms();
  rules.least_retry_ms =
      std::clamp(state_.attendance.clients * 1000 / kCheckInsPerSecond, kLeastRetryMs, kMaxRetryMs);
  return rules;
}

void Coordinator::open_round(std::int64_t now_ms) {
  round_ = std::make_unique<Round>(rules(), std::span<const ClientId>{}, now_ms);
  had_silent_ = false;
  absent_at_opening_ = state_.attendance.absent;
  extend();
  const std::uint32_t number = round_->rules().round;
  training_ = schedule_.training(number);
  grid_ = planner_->grid(training_.scale_learning_rate > 0);
  const bool observes = training_.calibration_samples > 0;
  aggregator_ = std::make_unique<Aggregator>(grid_, observes ? graph_->steps.size() : 0);
  inbox_.clear();
  broadcast_ =
      encode_broadcast(*graph_, state_.model, static_cast<int>(config_.codec().downlink_bits()));
  broadcast_sha256_ = sha256(broadcast_);
  current_ = {};
  current_.round = number;
  current_.phase = schedule_.phase(number);
  current_.opened_ms = now_ms;
}

// Invites whom the round's attempt asks for. Who is absent is taken as the checkpoint has it, so
// that a restarted coordinator invites the same again.
void Coordinator::extend() {
  Attendance attendance = state_.attendance;
  attendance.absent = absent_at_opening_;
  cohort_ = choose_cohort(config_.run().seed(), round_->rules().round, attendance,
                          cohort_size(round_->attempt()));
  round_->invite(cohort_);
  silent_.clear();
  for (const ClientId who : cohort_) {
    if (state_.attendance.absent.contains(who)) silent_.insert(who);
  }
  had_silent_ = had_silent_ || !silent_.empty();
}

// A client that was not chosen takes the place of one that is still absent, so that a round does
// not wait for the dead while others have come back.
void Coordinator::substitute(ClientId who) {
  if (silent_.empty() || !round_->open() || round_->is_invited(who)) return;
  silent_.erase(silent_.begin());
  cohort_.push_back(who);
  round_->invite({&who, 1});
}

// A restarted coordinator is told of barred and new clients only after it has gone on with a later
// attempt: the choice of that attempt is made again with them.
void Coordinator::extend_again() {
  if (status_ == Status::kRunning && round_ != nullptr && round_->attempt() > 1) extend();
}

void Coordinator::tick(std::int64_t now_ms) {
  if (status_ == Status::kRunning) carry_out(round_->step(Ticked{}, now_ms), now_ms);
}

void Coordinator::carry_out(const std::vector<Action>& actions, std::int64_t now_ms) {
  for (const Action& action : actions) {
    if (std::holds_alternative<Commit>(action)) commit(now_ms);
    if (std::holds_alternative<Extend>(action)) {
      extend();
      if (surroundings_.journal != nullptr) {
        // Not written: a restart invites fewer at first, and nothing else changes.
        (void)surroundings_.journal->add_attempt(round_->rules().round, round_->attempt());
      }
    }
    if (std::holds_alternative<Abandon>(action)) {
      fail("round " + std::to_string(round_->rules().round) + ": only " +
           std::to_string(round_->accepted()) + " of the " +
           std::to_string(round_->rules().quorum) + " updates of a quorum after " +
           std::to_string(kMaxAttempts) +
           " deadlines; raise round.deadline_s or round.over_selection, or lower round.quorum");
    }
  }
}

void Coordinator::commit(std::int64_t now_ms) {
  const Aggregate sum = std::move(*aggregator_).report();
  apply_mean(*graph_, *strategy_, mean_update(sum), state_.model.params);
  planner_->learn(sum);
  if (current_.phase == Phase::kObserve) calibrate(*graph_, sum.histograms, state_.model);

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
  state_.last = current_;
  ++state_.rounds_done;
  for (const ClientId who : round_->missing()) state_.attendance.absent.insert(who);
  const auto& params = state_.model.params;
  if (!std::all_of(params.begin(), params.end(), [](float v) { return std::isfinite(v); })) {
    return fail("round " + std::to_string(state_.rounds_done) +
                ": the model is not finite; lower server.learning_rate or client.learning_rate");
  }
  if (auto ok = write_checkpoint(); !ok) return fail(ok.error().what);
  if (surroundings_.observe) surroundings_.observe(RoundClosed{state_.last});
  if (state_.rounds_done == schedule_.rounds()) {
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

}  // namespace fedqat
