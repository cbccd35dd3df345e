// How rounds of a Coordinator begin, end and go on after a restart.
#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/check.h"
#include "common/wire/broadcast.h"
#include "coordinator/calibrate.h"
#include "coordinator/codebooks.h"
#include "coordinator/service.h"

namespace fedqat {
namespace {

// Together with over-selection this reaches every client of a small run; a federation that misses
// its quorum so often needs an operator.
constexpr std::uint32_t kMaxAttempts = 10;
// Rounds whose models can be downloaded: who needs longer gets a newer one.
constexpr std::uint32_t kKeptModels = 4;
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

UplinkRate uplink_rate(const wire::CodecConfig& codec) {
  return {codec.uplink() == "eden" ? UpdateCodec::kEden : UpdateCodec::kUniform,
          codec.uplink_bits()};
}

Moving moving(const PlannedRound& plan) {
  return {.scales = plan.training.scale_learning_rate > 0,
          .batch_norm = plan.phase != Phase::kQuantized && plan.phase != Phase::kFrozen};
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
  c->planner_ = std::make_unique<GridPlanner>(*c->graph_, uplink_rate(config.codec()));
  c->state_.config_hash = config_hash(config);
  c->state_.run = run_number(c->state_.config_hash);
  c->state_.attendance.clients = clients;
  if (auto ok = c->limit_samples(); !ok) return ok.error();
  if (auto ok = c->begin(clients, now_ms); !ok) return ok.error();
  return c;
}

Result<void> Coordinator::limit_samples() {
  const UpdateGrid probe = planner_->grid({.scales = true, .batch_norm = true});
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
  for (EarlierRound& earlier : std::exchange(state_.earlier, {})) {
    recall_round(std::move(earlier), now_ms);
  }
  if (status_ != Status::kRunning) {
    if (rounds_.empty()) recall_round({state_.rounds_done, state_.ranges, {}, {}}, now_ms);
    admit_clients(clients);
    return {};
  }
  open_round(now_ms);
  open().round.resume_attempt(recovered.attempt);
  if (recovered.attempt > 1) extend();
  open().round.invite(recovered.invited);
  for (const ClientId who : recovered.invited) {
    if (!at_work_.contains(who) && !silent_.empty()) silent_.erase(silent_.begin());
  }
  admit_clients(clients);
  bool closed = false;
  const auto each = [&](AcceptedUpdate&& update) -> Result<void> {
    const auto plan = rounds_.find(update.round);
    if (plan == rounds_.end()) {
      return foreign_state("does not know round " + std::to_string(update.round));
    }
    const auto stats = decode_stats(update.stats);
    if (!stats) return stats.error();
    Aggregator& sum = sum_of(plan->second);
    if (auto ok = sum.check(update.payload, *stats); !ok) return ok;
    sum.accumulate(update.payload, *stats);
    const bool last = plan->second.round.recall(update.client, update.digest);
    closed = &plan->second == &open() ? last : open().round.recall_late();
    fill_up();
    return {};
  };
  if (auto ok = surroundings_.journal->replay(each); !ok) return ok;
  if (closed) commit(now_ms);
  return {};
}

// Its model is gone: who still loads it checks in again.
void Coordinator::recall_round(EarlierRound&& earlier, std::int64_t now_ms) {
  RoundRules rules = this->rules();
  const std::uint32_t open = rules.round;
  rules.round = earlier.round;
  rules.version = earlier.round - 1;
  PlannedRound plan{Round(rules, earlier.missing, now_ms),
                    schedule_.phase(earlier.round),
                    schedule_.training(earlier.round),
                    std::move(earlier.ranges),
                    {},
                    {},
                    {}};
  plan.grid = planner_->grid(plan.ranges, moving(plan));
  plan.round.close();
  for (const auto& [who, digest] : earlier.delivered) (void)plan.round.recall(who, digest);
  plan.round.take_late(status_ == Status::kRunning && counts_in(earlier.round, open));
  rounds_.emplace(earlier.round, std::move(plan));
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
  for (const auto& [number, plan] : rounds_) written.earlier.push_back(plan.summary());
  return surroundings_.journal->commit_round(
      {state_.run, state_.rounds_done, encode_run_state(written)});
}

std::uint32_t Coordinator::goal() const {
  const std::uint64_t n = std::min(config_.round().clients(), state_.attendance.eligible());
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(n, 1, most_clients_));
}

std::uint32_t Coordinator::cohort_size(std::uint32_t attempt) const {
  const std::uint64_t one = share_of(config_.round().over_selection(), open().round.rules().goal);
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
  const std::uint32_t number = state_.rounds_done + 1;
  const std::span<const float> ranges = planner_->state();
  PlannedRound plan{
      Round(rules(), std::span<const ClientId>{}, now_ms),
      schedule_.phase(number),
      schedule_.training(number),
      {ranges.begin(), ranges.end()},
      {},
      encode_broadcast(*graph_, state_.model, static_cast<int>(config_.codec().downlink_bits())),
      {}};
  plan.grid = planner_->grid(moving(plan));
  plan.broadcast_sha256 = sha256(plan.broadcast);
  at_work_ = at_work();
  current_ = {};
  current_.round = number;
  current_.phase = plan.phase;
  current_.opened_ms = now_ms;
  rounds_.emplace(number, std::move(plan));
  absent_at_opening_ = state_.attendance.absent;
  extend();
  sum_ = std::make_unique<RoundSum>(number);
  if (!asynchronous()) inbox_.clear();
}

// Clients that are counted on for an update of a closed round: the last that they were invited to.
std::set<ClientId> Coordinator::at_work() const {
  std::set<ClientId> at_work, seen;
  for (auto r = rounds_.rbegin(); r != rounds_.rend(); ++r) {
    const Round& round = r->second.round;
    for (const ClientId who : round.missing()) {
      if (seen.insert(who).second && round.takes_late()) at_work.insert(who);
    }
    for (const auto& [who, digest] : round.delivered()) seen.insert(who);
  }
  return at_work;
}

bool Coordinator::takes(std::uint32_t round) const {
  const auto plan = rounds_.find(round);
  return status_ == Status::kRunning && plan != rounds_.end() &&
         (plan->second.round.open() || plan->second.round.takes_late());
}

// Updates of one phase do not fit another: their tensors are not the same.
bool Coordinator::counts_in(std::uint32_t round, std::uint32_t open) const {
  return open - round <= config_.round().max_staleness() &&
         schedule_.phase(round) == schedule_.phase(open);
}

// After a round was closed: which rounds still take updates, and who failed to send one.
void Coordinator::age_rounds() {
  const std::uint32_t next = state_.rounds_done + 1;
  std::set<ClientId> later;  // invited to younger rounds, and judged with those
  for (auto it = rounds_.rbegin(); it != rounds_.rend(); ++it) {
    auto& [number, plan] = *it;
    const bool over = number == state_.rounds_done || plan.round.takes_late();
    const bool takes = state_.rounds_done < schedule_.rounds() && counts_in(number, next);
    plan.round.take_late(takes);
    if (!takes || next - number >= kKeptModels) plan.broadcast = {};
    for (const ClientId who : plan.round.missing()) {
      if (later.insert(who).second && over && !takes) state_.attendance.absent.insert(who);
    }
    for (const auto& [who, digest] : plan.round.delivered()) later.insert(who);
  }
  std::erase_if(rounds_, [&](const auto& r) {
    return !r.second.round.takes_late() && r.first < state_.rounds_done;
  });
}

// Invites whom the round's attempt asks for. Who is absent, or at work, is taken as the checkpoint
// has it, so that a restarted coordinator invites the same again.
void Coordinator::extend() {
  Attendance attendance = state_.attendance;
  attendance.absent = absent_at_opening_;
  attendance.barred.insert(at_work_.begin(), at_work_.end());
  Round& round = open().round;
  const std::uint32_t size = cohort_size(round.attempt());
  slots_ = size - std::min(size - 1, static_cast<std::uint32_t>(at_work_.size()));
  order_ = choose_cohort(config_.run().seed(), round.rules().round, attendance,
                         slots_ + (asynchronous() ? round.rules().goal : 0));
  next_ = 0;
  cohort_.clear();
  silent_.clear();
  fill_up();
}

// In asynchronous mode every update that comes in makes room for another client.
void Coordinator::fill_up() {
  Round& round = open().round;
  if (!round.open()) return;
  const std::size_t room = slots_ + (asynchronous() ? round.accepted() : 0);
  for (; next_ < std::min(room, order_.size()); ++next_) {
    const ClientId who = order_[next_];
    cohort_.push_back(who);
    round.invite({&who, 1});
    if (state_.attendance.absent.contains(who)) silent_.insert(who);
  }
}

// A client that was not chosen takes the place of one that is still absent, so that a round does
// not wait for the dead while others have come back.
void Coordinator::substitute(ClientId who) {
  Round& round = open().round;
  if (silent_.empty() || !round.open() || round.is_invited(who)) return;
  silent_.erase(silent_.begin());
  invite_out_of_turn(who);
}

// Written down before the client hears of it, as a restarted coordinator would not know why.
void Coordinator::invite_out_of_turn(ClientId who) {
  Round& round = open().round;
  cohort_.push_back(who);
  round.invite({&who, 1});
  if (surroundings_.journal == nullptr) return;
  // What is not written makes the next sync() fail.
  (void)surroundings_.journal->add_invited(round.rules().round, who);
}

// A restarted coordinator is told of barred and new clients only after it has gone on with a later
// attempt: the choice of that attempt is made again with them.
void Coordinator::extend_again() {
  if (status_ == Status::kRunning && !rounds_.empty() && attempt() > 1) extend();
}

void Coordinator::tick(std::int64_t now_ms) {
  if (status_ == Status::kRunning) carry_out(open().round.step(Ticked{}, now_ms), now_ms);
}

void Coordinator::carry_out(const std::vector<Action>& actions, std::int64_t now_ms) {
  for (const Action& action : actions) {
    if (std::holds_alternative<Commit>(action)) commit(now_ms);
    if (std::holds_alternative<Extend>(action)) {
      extend();
      if (surroundings_.journal != nullptr) {
        // Not written: a restart invites fewer at first, and nothing else changes.
        (void)surroundings_.journal->add_attempt(open().round.rules().round, attempt());
      }
    }
    if (std::holds_alternative<Abandon>(action)) {
      const Round& round = open().round;
      fail("round " + std::to_string(round.rules().round) + ": only " +
           std::to_string(round.accepted()) + " of the " + std::to_string(round.rules().quorum) +
           " updates of a quorum after " + std::to_string(kMaxAttempts) +
           " deadlines; raise round.deadline_s or round.over_selection, or lower round.quorum");
    }
  }
}

void Coordinator::commit(std::int64_t now_ms) {
  const Round& round = open().round;
  const std::uint32_t number = round.rules().round;
  const auto sums = std::move(*sum_).report();
  apply_mean(*graph_, *strategy_, mean_update(number, sums), state_.model.params);
  std::vector<float> max_abs(graph_->params.size());
  std::uint64_t loss = 0, clipped = 0, codes = 0;
  for (const auto& [trained, sum] : sums) {
    current_.aggregated += sum.clients;
    current_.stale += trained == number ? 0 : sum.clients;
    current_.samples_seen += sum.seen;
    loss += sum.loss;
    clipped += sum.clipped;
    codes += sent_elements(sum.grid) * sum.clients;
    for (std::size_t t = 0; t < max_abs.size(); ++t) {
      max_abs[t] = std::max(max_abs[t], sum.max_abs[t]);
    }
  }
  planner_->learn(max_abs);
  if (current_.phase == Phase::kObserve) {
    const Aggregate& sum = sums.at(number);
    calibrate(*graph_, sum.histograms, calibration_from_config(config_), state_.model);
    apply_votes(*graph_, sum.votes, *scale_rule(config_.quant().scale_rule()), state_.model);
  }
  current_.invited = round.invited();
  current_.tasked = round.tasked();
  current_.attempts = round.attempt();
  current_.mean_loss = static_cast<double>(loss) * kLossUnit /
                       static_cast<double>(std::max<std::uint64_t>(current_.samples_seen, 1));
  current_.clipped_share =
      codes == 0 ? 0 : static_cast<double>(clipped) / static_cast<double>(codes);
  current_.closed_ms = now_ms;
  state_.last = current_;
  ++state_.rounds_done;
  age_rounds();
  const auto& params = state_.model.params;
  if (!std::all_of(params.begin(), params.end(), [](float v) { return std::isfinite(v); })) {
    return fail("round " + std::to_string(state_.rounds_done) +
                ": the model is not finite; lower server.learning_rate or client.learning_rate");
  }
  if (const auto entries = static_cast<int>(schedule_.codebook(number)); entries > 0) {
    share_all_weights(*graph_, entries, schedule_.codebook_spacing(), state_.model.params);
  }
  if (auto ok = write_checkpoint(); !ok) return fail(ok.error().what);
  if (surroundings_.observe) surroundings_.observe(RoundClosed{state_.last});
  if (state_.rounds_done == schedule_.rounds()) {
    status_ = Status::kFinished;
    inbox_.clear();
    return;
  }
  open_round(now_ms);
}

void Coordinator::fail(std::string why) {
  status_ = Status::kFailed;
  inbox_.clear();
  failure_ = std::move(why);
}

}  // namespace fedqat
