// How rounds of a Coordinator begin and end.
#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/check.h"
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

std::uint64_t sent_elements(const UpdateGrid& grid) {
  std::uint64_t n = 0;
  for (const TensorGrid& t : grid) n += t.bits == kNotSentBits ? 0 : t.size;
  return n;
}

}  // namespace

std::uint32_t Coordinator::goal() const {
  const std::uint64_t n = std::min(config_.round().clients(), state_.attendance.eligible());
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(n, 1, most_clients_));
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

void Coordinator::publish() {
  const std::uint32_t done = state_.rounds_done;
  publisher_->follow(state_.model, done, done > 0 && schedule_.phase(done) == Phase::kObserve);
}

void Coordinator::open_round(std::int64_t now_ms) {
  publish();
  const std::uint32_t number = state_.rounds_done + 1;
  const std::span<const float> ranges = planner_->state();
  PlannedRound plan{Round(rules(), std::span<const ClientId>{}, now_ms),
                    schedule_.phase(number),
                    schedule_.training(number),
                    {ranges.begin(), ranges.end()},
                    {},
                    publisher_->whole(state_.model, state_.rounds_done),
                    {}};
  if (publisher_->by_difference()) plan.steps_from = publisher_->oldest(plan.broadcast.size());
  plan.grid = planner_->grid(plan.moving());
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
    publish();
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
