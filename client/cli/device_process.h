// The process around a device's loop: signals, time, connections, the service manager, the log.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "client/device/device_loop.h"
#include "client/device/duty.h"
#include "common/net/tls_transport.h"

namespace fedqat {

// From now on the first SIGTERM or SIGINT asks the program to stop, and a second one ends it at
// once, as does a stop that takes longer than some seconds: whatever is on disk is whole.
void catch_stop_signals();
int stop_signal();  // that came first, or 0

// Mutual TLS to the coordinator of a profile. `options`: limits; the place is filled in.
Result<std::unique_ptr<Transport>> connect_device(const DeviceIdentity& identity,
                                                  TlsTransportOptions options);

class DeviceProcess final : public DeviceWorld {
 public:
  DeviceProcess(const wire::DutyConfig& duty, DutyHours hours, bool quiet);

  const Clock& clock() const override { return clock_; }
  std::uint64_t unix_now_s() const override;
  bool stopping() override;
  void wait(std::int64_t ms) override;
  std::int64_t off_duty_ms() override;
  Result<std::unique_ptr<Transport>> connect(const DeviceIdentity& identity) override;
  void before_training() override;
  void say(const std::string& event) override;

 private:
  void sign_of_life();

  SteadyClock clock_;
  TlsTransportOptions limits_;
  Duty duty_;
  bool quiet_;
  bool off_duty_ = false;
  std::int64_t watchdog_ms_;
  std::int64_t watched_ms_ = 0;
};

}  // namespace fedqat
