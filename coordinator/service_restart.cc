// How a Coordinator begins: anew, or from its journal, inside the round that was open.
#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "coordinator/service.h"

namespace fedqat {
namespace {

UplinkRate uplink_rate(const wire::CodecConfig& codec) {
  UplinkRate rate{UpdateCodec::kUniform, codec.uplink_bits(), codec.bit_schedule() == "range"};
  if (codec.uplink() == "eden") rate.codec = UpdateCodec::kEden;
  if (codec.uplink() == "dither") rate.codec = UpdateCodec::kDither;
  if (codec.uplink() == "top-k") {
    rate.codec = UpdateCodec::kSparse;
    rate.share = static_cast<float>(codec.uplink_share());
  }
  return rate;
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
  c->publisher_ = std::make_unique<Publisher>(config, *c->graph_);
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
    publish();
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
  plan.grid = planner_->grid(plan.ranges, plan.moving());
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
      state.rounds_done > schedule_.rounds() ||
      !publisher_->restore(std::exchange(state.held, {}), state.rounds_done)) {
    return foreign_state("does not fit the network");
  }
  if (state.model.quantized != schedule_.quantized_after(state.rounds_done)) {
    return foreign_state(
        "is " + std::string(state.model.quantized ? "" : "not ") + "quantized after round " +
        std::to_string(state.rounds_done) +
        ", against quant.warmup_rounds = " + std::to_string(config_.quant().warmup_rounds()));
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
  written.held = publisher_->held();
  for (const auto& [number, plan] : rounds_) written.earlier.push_back(plan.summary());
  return surroundings_.journal->commit_round(
      {state_.run, state_.rounds_done, encode_run_state(written)});
}

}  // namespace fedqat
