#include "coordinator/serve/server.h"

#include <malloc.h>

#include <csignal>
#include <memory>
#include <utility>

#include "common/base/fs.h"
#include "common/base/systemd.h"
#include "coordinator/serve/core_loop.h"
#include "coordinator/serve/ops_server.h"
#include "coordinator/serve/server_identity.h"

namespace fedqat {
namespace {

constexpr std::int64_t kTickMs = 200;
constexpr std::int64_t kLingerMs = 3000;       // after the run, at least: for devices to hear of it
constexpr std::int64_t kMostLingerMs = 75000;  // the longest window, and a little
constexpr std::int64_t kIdentityEveryMs = 600000;  // looks whether the certificate needs renewal
constexpr std::size_t kEnrollFrame = 32768;

ServerOptions device_options(const wire::DeployConfig& d) {
  ServerOptions o;
  o.address = d.address();
  o.port = static_cast<std::uint16_t>(d.port());
  o.memory_limit = (std::size_t{d.memory_limit_mb()} << 20) / 2;  // the inbox has the other half
  o.max_connections = d.max_connections();
  o.max_per_address = d.max_per_address();
  o.stall_timeout_ms = static_cast<std::int64_t>(d.stall_s() * 1000);
  o.idle_timeout_ms = static_cast<std::int64_t>(d.idle_s() * 1000);
  return o;
}

// Strangers come here: little of everything.
ServerOptions enrolment_options(const wire::DeployConfig& d) {
  ServerOptions o;
  o.address = d.address();
  o.port = static_cast<std::uint16_t>(d.enroll_port());
  o.threads = 1;
  o.max_frame = kEnrollFrame;
  o.memory_limit = std::size_t{4} << 20;
  o.max_connections = 256;
  o.max_per_address = 64;
  o.max_unauthenticated = 128;
  o.idle_timeout_ms = 10000;
  o.accept_rate = 200;
  return o;
}

sigset_t our_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, s);
  return set;
}

// The next of our signals, or 0 after kTickMs.
int wait_signal(const sigset_t& set) {
  const timespec limit{0, kTickMs * 1000000};
  const int s = ::sigtimedwait(&set, nullptr, &limit);
  return s > 0 ? s : 0;
}

OnRequest hand_to(CoreLoop& core, bool enrolment) {
  return [&core, enrolment](ConnectionId connection, const Peer& peer, Bytes frame) {
    auto request = decode_request(std::move(frame));
    if (request) check_name(*request);
    core.push({enrolment, connection, peer, std::move(request)});
  };
}

// Frames and updates of up to a MiB come and go all the time: keep their memory instead of asking
// the system for fresh pages each time. All threads share one heap: those of further arenas hold 64
// MiB and go back to the system whenever they are empty.
void tune_memory() {
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 128 << 20);
}

class Service {
 public:
  Service(const ServeOptions& options, JsonLog& log) : options_(options), log_(log) {}

  Result<void> start() {
    auto paths = open_state_dir(options_.state);
    if (!paths) return paths.error();
    paths_ = *paths;
    auto lock = StateLock::acquire(paths_);
    if (!lock) return lock.error();
    lock_ = std::make_unique<StateLock>(std::move(*lock));
    auto audit = AuditLog::open(paths_.audit(), unix_now_s());
    if (!audit) return audit.error();
    audit_ = std::make_unique<AuditLog>(std::move(*audit));
    auto desk = FrontDesk::open(paths_, options_.config.deploy(), *audit_);
    if (!desk) return desk.error();
    desk_ = std::make_unique<FrontDesk>(std::move(*desk));
    core_ = std::make_unique<CoreLoop>(*desk_, *audit_, log_, metrics_, clock_);
    return start_run();
  }

  Result<void> start_run() {
    auto manifest_key = read_key(paths_.manifest_key());
    if (!manifest_key) return manifest_key.error();
    auto host = RunHost::open(paths_, options_.config, options_.network, *manifest_key,
                              [this](const CoordinatorEvent& event) { core_->observe(event); });
    if (!host) return host.error();
    host_ = std::move(*host);
    return start_listeners();
  }

  Result<void> start_listeners() {
    auto identity = load_server_identity(paths_, log_);
    if (!identity) return identity.error();
    auto devices = TlsServer::start(device_options(options_.config.deploy()), identity->devices,
                                    hand_to(*core_, false));
    if (!devices) return at("deploy.port", devices.error());
    devices_ = std::move(*devices);
    desk_->set_device_port(devices_->port());
    auto enrolment = TlsServer::start(enrolment_options(options_.config.deploy()),
                                      identity->enrolment, hand_to(*core_, true));
    if (!enrolment) return at("deploy.enroll_port", enrolment.error());
    enrolment_ = std::move(*enrolment);
    core_->start(*host_, *devices_, *enrolment_);
    OpsPages pages;
    pages.healthy = [this] { return core_->healthy() && !core_->failure(); };
    pages.ready = [this] { return !draining_ && core_->healthy() && !core_->failure(); };
    pages.metrics = [this] { return metrics_.render(devices_->stats(), enrolment_->stats()); };
    pages.status = [this] { return core_->status(); };
    auto ops = OpsServer::start(static_cast<std::uint16_t>(options_.config.deploy().ops_port()),
                                std::move(pages));
    if (!ops) return ops.error();
    ops_ = std::move(*ops);
    return write_ports();
  }

  Result<void> run(const sigset_t& signals) {
    log_.info("serving", {{"run", run_name(run_number(config_hash(options_.config)))},
                          {"name", options_.config.run().name()},
                          {"port", std::int64_t{devices_->port()}},
                          {"enroll_port", std::int64_t{enrolment_->port()}},
                          {"ops_port", std::int64_t{ops_->port()}},
                          {"devices", std::int64_t{desk_->devices()}}});
    notify_systemd("READY=1");
    const std::int64_t watchdog_ms = watchdog_interval_ms();
    std::int64_t done_ms = 0, identity_ms = clock_.now_ms(), watched_ms = 0;
    while (!core_->failure()) {
      const int signal = wait_signal(signals);
      const std::int64_t now = clock_.now_ms();
      if (signal == SIGTERM || signal == SIGINT) break;
      if (signal == SIGHUP || now - identity_ms > kIdentityEveryMs) {
        identity_ms = now;
        reload(signal == SIGHUP);
      }
      if (watchdog_ms > 0 && now - watched_ms >= watchdog_ms && core_->healthy()) {
        watched_ms = now;
        notify_systemd("WATCHDOG=1");
      }
      if (core_->finished() && done_ms == 0) done_ms = now;
      if (options_.exit_when_done && done_ms != 0 && now - done_ms > kLingerMs &&
          (core_->all_know() || now - done_ms > kMostLingerMs)) {
        break;
      }
    }
    return drain();
  }

 private:
  void reload(bool asked) {
    if (asked) notify_systemd("RELOADING=1");
    auto identity = load_server_identity(paths_, log_);
    if (identity) {
      devices_->reload(identity->devices);
      enrolment_->reload(identity->enrolment);
    } else {
      log_.error("reload_failed", {{"error", identity.error().what}});
    }
    if (asked && options_.reload) {
      auto config = options_.reload();
      if (!config) {
        log_.error("reload_failed", {{"error", config.error().what}});
      } else if (run_number(config_hash(*config)) != run_number(config_hash(options_.config))) {
        log_.error("reload_failed", {{"error", "the config is of another run now"},
                                     {"remedy", "restart the coordinator to begin that run"}});
      } else {
        core_->reconfigure(config->deploy());
      }
    }
    if (!asked) return;
    log_.info("reloaded");
    notify_systemd("READY=1");
  }

  Result<void> drain() {
    draining_ = true;
    notify_systemd("STOPPING=1");
    log_.info("draining");
    devices_->stop_accepting();
    enrolment_->stop_accepting();
    core_->stop();
    devices_->stop();
    enrolment_->stop();
    ops_.reset();
    log_.info("stopped");
    if (auto failure = core_->failure()) return *failure;
    return {};
  }

  // For scripts when a port is 0.
  Result<void> write_ports() {
    const std::string text = "port " + std::to_string(devices_->port()) + "\nenroll_port " +
                             std::to_string(enrolment_->port()) + "\nops_port " +
                             std::to_string(ops_->port()) + "\n";
    return make_posix_fs()->write_atomic(paths_.dir / "ports", as_bytes(text));
  }

  const ServeOptions& options_;
  JsonLog& log_;
  SteadyClock clock_;
  Metrics metrics_;
  StatePaths paths_;
  std::unique_ptr<StateLock> lock_;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<FrontDesk> desk_;
  std::unique_ptr<RunHost> host_;
  std::unique_ptr<CoreLoop> core_;
  std::unique_ptr<TlsServer> devices_;
  std::unique_ptr<TlsServer> enrolment_;
  std::unique_ptr<OpsServer> ops_;
  std::atomic<bool> draining_{false};
};

}  // namespace

Result<void> serve(const ServeOptions& options, JsonLog& log) {
  tune_memory();
  const sigset_t signals = our_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread is made
  Service service(options, log);
  if (auto ok = service.start(); !ok) return ok;
  return service.run(signals);
}

}  // namespace fedqat
