// The one thread that owns the run: takes requests from the I/O threads in batches, lets the
// coordinator answer them, makes what they changed durable, and only then sends the replies.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/net/tls_server.h"
#include "coordinator/serve/front_desk.h"
#include "coordinator/serve/json_log.h"
#include "coordinator/serve/metrics.h"
#include "coordinator/serve/run_host.h"

namespace fedqat {

struct Arrived {
  bool enrolment = false;  // on the enrolment port
  ConnectionId connection = 0;
  Peer peer;
  Result<Request> request;  // decoded by the I/O thread
};

class CoreLoop {
 public:
  // All must outlive this. The servers are given by attach().
  CoreLoop(FrontDesk& desk, AuditLog& audit, JsonLog& log, Metrics& metrics, const Clock& clock);
  ~CoreLoop();  // stop()

  // What the run reports; for RunHost::open().
  void observe(const CoordinatorEvent& event);
  void start(RunHost& host, TlsServer& devices, TlsServer& enrolment);
  void push(Arrived arrived);  // from any I/O thread
  void stop();                 // answers what was pushed, then ends

  // From any thread:
  void reconfigure(const wire::DeployConfig& config);
  std::string status() const;
  bool healthy() const;                        // it moved lately
  std::optional<Error> failure() const;        // the disk failed: the process must end
  bool finished() const { return finished_; }  // the run is over, for good or bad
  // The run is over, and no device that was told to come back later has yet to hear of it.
  bool all_know() const;

 private:
  void run();
  void answer(std::vector<Arrived>& batch);
  void note_window(const Arrived& arrived, const Reply& reply);
  Reply answer_one(Arrived& arrived);
  Reply answer_enrolment(const Arrived& arrived);
  void cut_revoked();
  void end_run();
  void now_and_then();
  void bring_in();
  void fail(const Error& error);
  void publish();
  std::optional<std::string> export_model();

  FrontDesk& desk_;
  AuditLog& audit_;
  JsonLog& log_;
  Metrics& metrics_;
  const Clock& clock_;
  RunHost* host_ = nullptr;
  TlsServer* devices_ = nullptr;
  TlsServer* enrolment_ = nullptr;
  bool round_closed_ = false;
  std::uint32_t known_devices_ = 0;
  std::int64_t last_chores_ms_ = 0;
  std::int64_t last_export_ms_ = 0;
  std::int64_t last_status_ms_ = 0;
  std::string written_status_;
  std::map<Digest, std::int64_t> come_back_ms_;  // by key: when a device's window has passed

  mutable std::mutex mutex_;  // of the following
  std::condition_variable wake_;
  std::vector<Arrived> queue_;
  bool stopping_ = false;
  std::string status_;
  std::optional<wire::DeployConfig> reconfigured_;
  std::optional<Error> failure_;

  std::atomic<std::int64_t> heartbeat_ms_{0};
  std::atomic<bool> finished_{false};
  std::atomic<std::int64_t> last_window_ms_{0};
  std::thread thread_;
};

}  // namespace fedqat
