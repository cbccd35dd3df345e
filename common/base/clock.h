// Time as a dependency: the programs pass SteadyClock, the simulator and tests a VirtualClock.
#pragma once

#include <cstdint>
#include <string>

namespace fedqat {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::int64_t now_ms() const = 0;  // monotonic; only differences mean anything
};

class SteadyClock final : public Clock {
 public:
  std::int64_t now_ms() const override;
};

// Stands still until moved. Not thread-safe: one event loop owns it.
class VirtualClock final : public Clock {
 public:
  std::int64_t now_ms() const override { return now_ms_; }
  void advance_to(std::int64_t now_ms);  // never backwards

 private:
  std::int64_t now_ms_ = 0;
};

// Seconds since 1970 by the system's clock, which operators may set. For certificates, logs and
// whatever else outlives the process; programs take it, libraries get it as an argument.
std::int64_t unix_now_s();
// "2026-01-31 12:00", in UTC.
std::string utc_text(std::int64_t unix_s);

}  // namespace fedqat
