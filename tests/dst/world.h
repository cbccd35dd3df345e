// A deployment in one thread: the real coordinator on a simulated disk, devices with the real
// session, a network and a disk between them that do their worst, and a clock that jumps from event
// to event. A function of the plan alone.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <set>

#include "common/crypto/key.h"
#include "coordinator/service.h"
#include "coordinator/state/audit_log.h"
#include "tests/dst/oracle.h"
#include "tests/dst/trace.h"
#include "tests/support/sim_disk.h"
#include "tests/support/temp_dir.h"

namespace fedqat::dst {

class Device;

struct Totals {
  std::uint64_t requests = 0, lost = 0, flipped = 0, duplicates = 0, refused_connections = 0;
  std::uint64_t batches = 0, acks = 0, acked_updates = 0, probes = 0, rounds = 0;
  std::uint64_t kills = 0, power_cuts = 0, disk_errors = 0, failed_syncs = 0, failed_starts = 0;
  std::uint64_t failpoint_stops = 0, device_crashes = 0, pauses = 0, jumps = 0;
  std::uint64_t simulated_ms = 0, events = 0, most_inbox_bytes = 0;
  void operator+=(const Totals& o);
};

struct Outcome {
  std::string failure;  // empty: all was as promised
  bool lost = false;    // Violation::lost
  Digest trace{};
  Totals totals;
};

// Ends the process that it is thrown in.
struct ProcessEnds {
  std::string why;
};

class World {
 public:
  World(const Plan& plan, const Options& options);
  ~World();

  Outcome run();
  // The failpoint handler's: may end the process of which it was passed.
  void pass(const char* failpoint);

  // ---- for devices
  using Answered = std::function<void(Result<Bytes>)>;
  // Exactly one answer comes, unless `who` gives up earlier.
  void send(ClientId who, Bytes frame, Answered answered);
  void after(std::int64_t delay_ms, std::function<void()> event);
  // Runs a step of a device's process.
  void as_device(ClientId who, const std::function<void()>& step);
  void say(const std::string& what) { trace_.add(now_ms_, what); }
  bool chance(double p) { return rng_.uniform_double() < p; }
  std::int64_t between(std::int64_t low, std::int64_t high);
  bool calm() const { return now_ms_ >= plan_.calm_at_ms; }
  const Plan& plan() const { return plan_; }
  const Options& options() const { return options_; }
  const Graph& graph() const { return graph_; }
  Oracle& oracle() { return oracle_; }
  Bytes manifest_key() const;
  bool on_real_files() const { return dir_ != nullptr; }

 private:
  struct Event {
    std::int64_t at_ms;
    std::uint64_t number;
    std::function<void()> run;
    bool operator<(const Event& o) const {  // of a queue with the greatest on top
      return at_ms != o.at_ms ? at_ms > o.at_ms : number > o.number;
    }
  };
  struct Arrival {
    ClientId who;
    Bytes frame;
    Answered answered;               // empty: nobody listens
    std::optional<Uploaded> upload;  // what it turned out to be
  };

  // world.cc
  void inject_fault();
  void deliver(ClientId who, const Bytes& frame, const Answered& answered);
  void refuse_connection(const Answered& answered);
  bool finished() const;
  void check_end();
  void revoke();

  // server.cc
  void start();
  void batch();
  void expect_batch(std::int64_t delay_ms);
  void expect_deadline();
  Reply answer(Arrival& arrival);
  void reply(Arrival& arrival, const Reply& reply);
  void probe(const Arrival& arrival);
  void stop_server(const std::string& why, bool power);
  std::int64_t server_now() const { return now_ms_ + clock_offset_ms_; }
  Bytes sign(const Task& task);
  void note(const CoordinatorEvent& event);
  void chores();

  Plan plan_;
  Options options_;
  Trace trace_;
  Rng rng_;
  Graph graph_;
  Oracle oracle_;
  SimDisk disk_;
  Totals totals_;
  std::int64_t now_ms_ = 0;
  std::uint64_t events_ = 0;
  std::priority_queue<Event> queue_;
  std::unique_ptr<TempDir> dir_;  // when the devices are on real files
  std::unique_ptr<Fs> fs_;
  std::vector<std::unique_ptr<Device>> devices_;
  int in_process_ = kNobody;  // a device's number, or:
  static constexpr int kNobody = -2, kServer = -1;
  std::uint64_t stops_ = 0;
  std::map<ClientId, std::uint32_t> probes_;
  std::uint32_t enrolled_ = 0;
  std::set<ClientId> revoked_;

  // The coordinator's process; gone when it is down.
  std::unique_ptr<Journal> journal_;
  std::optional<AuditLog> audit_;
  std::unique_ptr<Coordinator> coordinator_;
  std::vector<Arrival> arrived_;
  std::uint64_t epoch_ = 0;  // of the disk
  std::uint64_t life_ = 0;
  std::int64_t clock_offset_ms_ = 0;
  std::int64_t paused_until_ms_ = 0;
  std::int64_t chores_at_ms_ = 0;
  std::optional<std::int64_t> batch_at_ms_;
  std::optional<std::int64_t> deadline_at_ms_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, Bytes> manifests_;
  PrivateKey key_;
};

Outcome simulate(std::uint64_t seed, const Options& options);

}  // namespace fedqat::dst
