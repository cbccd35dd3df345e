#include "client/cli/device_process.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>

#include "client/cli/place.h"
#include "common/base/clock.h"
#include "common/base/memory.h"
#include "common/base/systemd.h"
#include "common/cli/exit_code.h"
#include "common/crypto/random.h"

namespace fedqat {
namespace {

constexpr unsigned kStopSeconds = 5;  // a call to a coordinator that is gone may take longer
constexpr std::int64_t kSliceMs = 1000;

std::atomic<int> g_signal{0};
int g_pipe[2] = {-1, -1};  // a byte in it ends a wait
static_assert(std::atomic<int>::is_always_lock_free, "used in a signal handler");

void end_now(int) { ::_exit(g_signal.load() == SIGTERM ? kExitOk : kExitInterrupted); }

void on_stop(int signal) {
  int none = 0;
  if (!g_signal.compare_exchange_strong(none, signal)) ::_exit(kExitInterrupted);
  ::alarm(kStopSeconds);
  [[maybe_unused]] const auto written = ::write(g_pipe[1], "", 1);
}

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

int minute_of_day() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  return local.tm_hour * 60 + local.tm_min;
}

}  // namespace

void catch_stop_signals() {
  if (::pipe2(g_pipe, O_CLOEXEC | O_NONBLOCK) != 0) g_pipe[0] = g_pipe[1] = -1;
  handle(SIGTERM, on_stop);
  handle(SIGINT, on_stop);
  handle(SIGALRM, end_now);
}

int stop_signal() { return g_signal.load(); }

Result<std::unique_ptr<Transport>> connect_device(const DeviceIdentity& identity,
                                                  TlsTransportOptions options) {
  const auto place = parse_place(identity.profile.address);
  if (!place) return place.error();
  Bytes key = identity.key.to_pem();
  const Bytes certificate = identity.certificate.to_pem(), ca = identity.ca.to_pem();
  const TlsIdentity own{std::string(as_text(certificate)), std::string(as_text(key))};
  wipe(key);
  const auto context = TlsContext::client(own, std::string(as_text(ca)));
  if (!context) return context.error();
  options.host = place->host;
  options.port = place->port;
  options.server_name = identity.profile.server_name;
  return std::unique_ptr<Transport>(std::make_unique<TlsTransport>(std::move(options), *context));
}

DeviceProcess::DeviceProcess(const wire::DutyConfig& duty, DutyHours hours, bool quiet)
    : duty_(hours, duty.free_command(), static_cast<std::int64_t>(duty.free_every_s() * 1000),
            clock_),
      quiet_(quiet),
      watchdog_ms_(watchdog_interval_ms()) {
  limits_.max_up_bytes_per_s = std::uint64_t{duty.upload_kbit_s()} * 1000 / 8;
  limits_.max_down_bytes_per_s = std::uint64_t{duty.download_kbit_s()} * 1000 / 8;
}

std::uint64_t DeviceProcess::unix_now_s() const {
  return static_cast<std::uint64_t>(fedqat::unix_now_s());
}

bool DeviceProcess::stopping() {
  sign_of_life();
  return stop_signal() != 0;
}

void DeviceProcess::sign_of_life() {
  if (watchdog_ms_ == 0) return;
  const std::int64_t now_ms = clock_.now_ms();
  if (watched_ms_ != 0 && now_ms - watched_ms_ < watchdog_ms_) return;
  watched_ms_ = now_ms;
  notify_systemd("WATCHDOG=1");
}

void DeviceProcess::wait(std::int64_t ms) {
  const std::int64_t until_ms = clock_.now_ms() + ms;
  const std::int64_t slice_ms = watchdog_ms_ > 0 ? std::min(watchdog_ms_, kSliceMs) : kSliceMs;
  while (!stopping()) {
    const std::int64_t left_ms = until_ms - clock_.now_ms();
    if (left_ms <= 0) return;
    pollfd stop{g_pipe[0], POLLIN, 0};
    ::poll(&stop, 1, static_cast<int>(std::min(left_ms, slice_ms)));
  }
}

std::int64_t DeviceProcess::off_duty_ms() {
  const std::int64_t off_ms = duty_.off_duty_ms(minute_of_day());
  if (off_duty_ != (off_ms > 0)) {
    off_duty_ = off_ms > 0;
    say(off_duty_ ? "off duty (duty.hours or duty.free_command)" : "on duty again");
  }
  return off_ms;
}

Result<std::unique_ptr<Transport>> DeviceProcess::connect(const DeviceIdentity& identity) {
  return connect_device(identity, limits_);
}

void DeviceProcess::before_training() { release_memory(); }

void DeviceProcess::say(const std::string& event) {
  if (!quiet_) std::fprintf(stderr, "fedqat-client: %s\n", event.c_str());
}

}  // namespace fedqat
