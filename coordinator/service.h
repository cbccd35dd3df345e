// The coordinator without sockets, threads or clock: requests and the time go in, replies come out.
// The deployed program and the simulator run this same class.
#pragma once

#include <memory>
#include <optional>

#include "common/nn/model_state.h"
#include "common/nn/packed_model.h"
#include "common/wire/config.pb.h"
#include "common/wire/messages.h"
#include "coordinator/aggregator.h"
#include "coordinator/grid_planner.h"
#include "coordinator/inbox.h"
#include "coordinator/round.h"
#include "coordinator/schedule.h"
#include "coordinator/strategy.h"

namespace fedqat {

struct RoundSummary {
  std::uint32_t round = 0;
  Phase phase = Phase::kFloat;
  std::uint32_t invited = 0;     // clients of the cohort, extensions included
  std::uint32_t tasked = 0;      // of these, took the task
  std::uint32_t aggregated = 0;  // of these, are in the sum
  std::uint32_t refused = 0;     // uploads refused
  std::uint32_t attempts = 1;
  std::uint64_t samples_seen = 0;  // by the aggregated clients, epochs included
  double mean_loss = 0;            // over samples_seen
  double clipped_share = 0;        // of the codes sent
  std::int64_t opened_ms = 0;
  std::int64_t closed_ms = 0;
};

// Not thread-safe: one event loop owns it.
class Coordinator {
 public:
  enum class Status { kRunning, kFinished, kFailed };

  // Opens round 1. clients: how many take part in the run. kInvalid: config or network.
  static Result<std::unique_ptr<Coordinator>> make(const wire::Config& config,
                                                   const NetworkSpec& network,
                                                   std::uint32_t clients, std::int64_t now_ms);
  ~Coordinator();
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  // `who` is known from the connection, never from the request. Any bytes get a reply frame.
  Bytes handle(ClientId who, ByteView request, std::int64_t now_ms);
  // Meets deadlines; to be called at deadline_ms() at the latest.
  void tick(std::int64_t now_ms);

  Status status() const { return status_; }
  const std::string& failure() const { return failure_; }  // when kFailed: what and the remedy
  std::uint32_t rounds_done() const { return done_; }
  std::uint32_t rounds() const { return schedule_.rounds(); }
  const RoundSummary& last_round() const { return last_; }  // of round rounds_done()

  // The open round.
  std::span<const ClientId> cohort() const { return cohort_; }
  std::uint32_t attempt() const { return round_->attempt(); }
  std::int64_t deadline_ms() const { return round_->deadline_ms(); }
  // Updates that are still missing to end the round at once.
  std::uint32_t wanted() const { return round_->rules().goal - round_->accepted(); }

  // Updates of more samples are refused: round.max_samples, or what it stands for when it is 0.
  std::uint32_t max_samples() const { return max_samples_; }

  const Graph& graph() const { return *graph_; }
  const NetworkSpec& network() const { return network_; }
  const ModelState& state() const { return state_; }  // after rounds_done() rounds

 private:
  Coordinator(const wire::Config& config, const NetworkSpec& network, std::uint32_t clients,
              Schedule schedule);

  void open_round(std::int64_t now_ms);
  void carry_out(const std::vector<Action>& actions, std::int64_t now_ms);
  void extend();
  void commit(std::int64_t now_ms);
  void fail(std::string why);
  Reply answer(ClientId who, Request&& request, std::int64_t now_ms);
  Reply answer(ClientId who, const CheckIn& request, std::int64_t now_ms);
  Reply answer(const FetchNetwork& request) const;
  Reply answer(const FetchModel& request) const;
  Reply answer(ClientId who, UploadUpdate&& request, std::int64_t now_ms);
  Reply refuse(RefusalCode code, std::string text = {});
  Result<void> check_stats(const UpdateStats& stats) const;
  Task task_for(ClientId who, std::int64_t deadline_ms) const;
  std::uint32_t cohort_size(std::uint32_t attempt) const;

  wire::Config config_;
  NetworkSpec network_;
  std::uint32_t clients_;
  Schedule schedule_;
  Digest config_hash_{};
  std::uint64_t run_ = 0;
  std::uint32_t max_samples_ = 0;
  std::unique_ptr<Graph> graph_;  // fixed address: others point at it
  ModelState state_;
  std::unique_ptr<Strategy> strategy_;
  std::unique_ptr<GridPlanner> planner_;

  Status status_ = Status::kRunning;
  std::string failure_;
  std::uint32_t done_ = 0;
  RoundSummary last_;
  RoundSummary current_;

  // Of the open round:
  std::vector<ClientId> cohort_;
  std::unique_ptr<Round> round_;
  std::unique_ptr<Round> previous_;  // still answers uploads that were acknowledged or are late
  UpdateGrid grid_;
  LocalTraining training_;
  std::unique_ptr<Aggregator> aggregator_;
  Inbox inbox_;
  Bytes broadcast_;
  Digest broadcast_sha256_{};
};

// What two machines compare to know that they mean the same run: keys that cannot change the result
// (sim, compare, folders) are left out.
Digest config_hash(const wire::Config& config);

}  // namespace fedqat
