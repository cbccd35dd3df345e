// The coordinator without sockets, threads or clock: requests and the time go in, replies come out.
// The deployed program and the simulator run this same class.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>

#include "common/nn/model_state.h"
#include "common/nn/packed_model.h"
#include "common/wire/config.h"
#include "common/wire/messages.h"
#include "coordinator/grid_planner.h"
#include "coordinator/inbox.h"
#include "coordinator/journal.h"
#include "coordinator/planned_round.h"
#include "coordinator/publisher.h"
#include "coordinator/round_sum.h"
#include "coordinator/run_state.h"
#include "coordinator/schedule.h"
#include "coordinator/strategy.h"

namespace fedqat {

// What happened, for logs, metrics and the audit log. Not durable before the journal's next sync().
struct UpdateAccepted {
  ClientId who = 0;
  std::uint32_t round = 0;
  Digest digest{};
};
struct UpdateRefused {
  ClientId who = 0;
  std::uint32_t round = 0;  // that the update names
  RefusalCode code = RefusalCode::kMalformed;
  std::string text;
};
struct ClientQuarantined {
  ClientId who = 0;
};
struct RoundClosed {
  RoundSummary summary;
};
using CoordinatorEvent =
    std::variant<UpdateAccepted, UpdateRefused, ClientQuarantined, RoundClosed>;

// What a deployment adds; the simulator leaves all of it out.
struct Surroundings {
  Journal* journal = nullptr;                       // must outlive the coordinator
  std::size_t inbox_bytes = std::size_t{16} << 20;  // of updates that come in several chunks
  // The signed manifest of a task's model.
  std::function<Bytes(const Task&)> sign = {};
  std::function<void(const CoordinatorEvent&)> observe = {};
};

// Not thread-safe: one event loop owns it.
class Coordinator {
 public:
  enum class Status { kRunning, kFinished, kFailed };

  // Opens round 1, or goes on where the journal ends: inside the round, with every update that was
  // accepted. clients: how many take part in the run. kInvalid: config, network, or a journal of
  // another run; codes of Journal.
  static Result<std::unique_ptr<Coordinator>> make(const wire::Config& config,
                                                   const NetworkSpec& network,
                                                   std::uint32_t clients, std::int64_t now_ms,
                                                   Surroundings surroundings = {});
  ~Coordinator();
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  // `who` is known from the connection, never from the request. Any bytes get a reply frame. With
  // a journal, no reply may be sent before a sync() of the journal that follows it.
  Bytes handle(ClientId who, ByteView frame, std::int64_t now_ms);
  Reply handle(ClientId who, Request&& request, std::int64_t now_ms);
  // Meets deadlines; to be called at deadline_ms() at the latest.
  void tick(std::int64_t now_ms);

  // From the next round or attempt on. More clients than now, never fewer.
  void admit_clients(std::uint32_t clients);
  // Never asked again; revoked devices. Its updates that are counted stay.
  void bar(ClientId who);
  void release(ClientId who);  // from quarantine

  Status status() const { return status_; }
  const std::string& failure() const { return failure_; }  // when kFailed: what and the remedy
  std::uint32_t rounds_done() const { return state_.rounds_done; }
  std::uint32_t rounds() const { return schedule_.rounds(); }
  const RoundSummary& last_round() const { return state_.last; }  // of round rounds_done()
  const Attendance& attendance() const { return state_.attendance; }
  std::uint64_t run() const { return state_.run; }

  // The open round.
  std::span<const ClientId> cohort() const { return cohort_; }  // grows within an attempt
  std::uint32_t attempt() const { return open().round.attempt(); }
  // Of the model that its tasks and their manifests name.
  const Digest& model_sha256() const { return open().broadcast_sha256; }
  std::int64_t deadline_ms() const { return open().round.deadline_ms(); }
  // Updates that are still missing to end the round at once.
  std::uint32_t wanted() const { return open().round.rules().goal - open().round.accepted(); }
  // Updates that are trained in this round count: it is open, or not too old.
  bool takes(std::uint32_t round) const;

  // Of updates that are still on their way; at most Inbox::budget().
  std::size_t inbox_bytes() const { return inbox_.bytes(); }

  // Updates of more samples are refused: round.max_samples, or what it stands for when it is 0.
  std::uint32_t max_samples() const { return max_samples_; }

  const Graph& graph() const { return *graph_; }
  const NetworkSpec& network() const { return network_; }
  // After rounds_done() rounds, as it is published: with codec.downlink = "difference" what clients
  // hold.
  const ModelState& state() const { return publisher_->published(state_.model); }

 private:
  Coordinator(const wire::Config& config, const NetworkSpec& network, Schedule schedule);

  // service_rounds.cc
  Result<void> begin(std::uint32_t clients, std::int64_t now_ms);
  Result<void> resume(Recovered&& recovered, std::uint32_t clients, std::int64_t now_ms);
  Result<void> restore(RunState&& state);
  void recall_round(EarlierRound&& earlier, std::int64_t now_ms);
  Result<void> write_checkpoint();
  Result<void> limit_samples();
  RoundRules rules() const;
  void publish();
  void open_round(std::int64_t now_ms);
  void carry_out(const std::vector<Action>& actions, std::int64_t now_ms);
  void extend();
  void extend_again();
  void fill_up();
  void substitute(ClientId who);
  void invite_out_of_turn(ClientId who);
  void commit(std::int64_t now_ms);
  bool counts_in(std::uint32_t round, std::uint32_t open) const;
  void age_rounds();
  std::set<ClientId> at_work() const;
  void fail(std::string why);
  std::uint32_t goal() const;
  std::uint32_t cohort_size(std::uint32_t attempt) const;

  // service.cc
  Reply answer(ClientId who, const CheckIn& request, std::int64_t now_ms);
  Reply answer(const FetchNetwork& request) const;
  Reply answer(const FetchModel& request) const;
  Reply answer(ClientId who, UploadUpdate&& request, std::int64_t now_ms);
  Reply refuse(RefusalCode code, std::string text = {});
  Reply refuse_update(ClientId who, std::uint32_t round, RefusalCode code, std::string text = {});
  void note_offence(ClientId who);
  Result<void> check_stats(const PlannedRound& plan, const UpdateStats& stats) const;
  Result<void> check_norm(const PlannedRound& plan, ByteView payload) const;
  Task task_for(ClientId who, std::int64_t deadline_ms) const;
  void move_to_open(ClientId who);
  Aggregator& sum_of(const PlannedRound& plan);

  const PlannedRound& open() const { return rounds_.rbegin()->second; }
  PlannedRound& open() { return rounds_.rbegin()->second; }
  bool asynchronous() const { return config_.round().max_staleness() > 0; }

  wire::Config config_;
  NetworkSpec network_;
  Schedule schedule_;
  Surroundings surroundings_;
  std::uint32_t max_samples_ = 0;
  std::uint64_t most_clients_ = ~std::uint64_t{0};  // of a round, with so many samples each
  std::unique_ptr<Graph> graph_;                    // fixed address: others point at it
  RunState state_;  // strategy, ranges and held only while it is written down
  std::unique_ptr<Strategy> strategy_;
  std::unique_ptr<GridPlanner> planner_;
  std::unique_ptr<Publisher> publisher_;

  Status status_ = Status::kRunning;
  std::string failure_;
  std::map<ClientId, std::uint32_t> offences_;
  RoundSummary current_;

  // By number; the last one is open. Those before it still answer uploads.
  std::map<std::uint32_t, PlannedRound> rounds_;

  // Of the open round:
  std::vector<ClientId> order_;   // of invitation
  std::size_t next_ = 0;          // in `order_`
  std::uint32_t slots_ = 0;       // so many of them at first
  std::vector<ClientId> cohort_;  // who is invited in this attempt
  std::set<ClientId> at_work_;    // on updates of earlier rounds, when it was opened
  std::set<ClientId> absent_at_opening_;
  std::set<ClientId> silent_;  // of the cohort: absent and not replaced yet
  std::unique_ptr<RoundSum> sum_;
  Inbox inbox_;
};

}  // namespace fedqat
