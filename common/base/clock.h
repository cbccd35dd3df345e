// Time as a dependency: the programs pass SteadyClock, the simulator and tests a VirtualClock.
#pragma once

#include <cstdint>

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

}  // namespace fedqat
