// The simulated clients: an event queue in virtual time around the real coordinator and the real
// client sessions. Training runs on a thread pool ahead of time; everything else happens on the
// calling thread in the order of (virtual time, client), so the result does not depend on threads.
#pragma once

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "client/session.h"
#include "common/base/clock.h"
#include "common/base/thread_pool.h"
#include "common/data/partition.h"
#include "coordinator/service.h"
#include "sim/memory_transport.h"
#include "sim/scenario.h"

namespace fedqat {

// Memory O(model x threads): at most 2 x threads trained updates wait for their virtual time. With
// codec.downlink = "difference" also the models that steps may begin at, less than 32 / bits; with
// codec.uplink = "top-k" a model for each client that took part.
//
// A client whose upload could not come while it counts does not train: it would only be told that
// it is late. It stays busy until then, as a device would.
class VirtualWorld {
 public:
  // Everything given must outlive this.
  VirtualWorld(Coordinator& coordinator, const Dataset& train, const Partition& partition,
               const Scenario& scenario, ThreadPool& pool, VirtualClock& clock);

  // Waits for training that the pool has begun or will begin: it uses what is ours.
  ~VirtualWorld();
  VirtualWorld(const VirtualWorld&) = delete;
  VirtualWorld& operator=(const VirtualWorld&) = delete;

  // Runs until the coordinator closes the open round, or the run. kUnavailable: a job of the pool
  // threw, or at a deadline every training of the round had failed: the next would too.
  Result<void> run_round();

  const Traffic& traffic() const { return traffic_; }  // since the start
  std::uint64_t samples_trained() const { return samples_trained_; }
  const std::string& last_failure() const { return last_failure_; }  // of a client in this round

 private:
  using At = std::pair<std::int64_t, ClientId>;  // virtual time, then client
  struct Job {
    std::shared_ptr<const Work> work;
    std::future<Result<SealedUpdate>> update;  // valid once training was handed to the pool
  };

  void wait_for_training();
  void invite();
  void invite_more();
  void call(ClientId who);
  bool step();
  void check_in(ClientId who);
  void upload(ClientId who, Job job);
  void train_ahead();
  void start_training(ClientId who, Job& job);
  Session session(MemoryTransport& transport);

  Coordinator& coordinator_;
  const Dataset& data_;
  const Partition& partition_;
  const Scenario& scenario_;
  ThreadPool& pool_;
  VirtualClock& clock_;
  std::vector<std::unique_ptr<LocalTrainer>> trainers_;  // one a worker
  ModelCache cache_{true};
  // With codec.downlink = "difference": the version that each client has.
  std::unordered_map<ClientId, std::uint64_t> held_;
  // With codec.uplink = "top-k": what the updates of each client left out.
  using Memory = std::shared_ptr<const std::vector<float>>;
  std::unordered_map<ClientId, Memory> memory_;
  Traffic traffic_;
  std::uint64_t samples_trained_ = 0;
  std::string last_failure_;
  std::optional<Error> broken_;  // a job threw
  std::uint32_t trained_ = 0;    // updates of this round
  std::uint32_t failed_ = 0;     // trainings of this round without one

  std::size_t called_ = 0;  // of the cohort, in this attempt
  std::map<At, std::monostate> check_ins_;
  std::map<At, Job> uploads_;
  std::unordered_set<ClientId> working_;                   // those in the two above
  std::unordered_map<ClientId, std::int64_t> busy_until_;  // of rounds that closed without them
};

}  // namespace fedqat
