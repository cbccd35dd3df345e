// How long a device waits before it tries again.
#pragma once

#include <cstdint>

#include "common/base/rng.h"

namespace fedqat {

inline constexpr std::int64_t kFirstRetryMs = 200;

// Doubles from kFirstRetryMs to max_ms; each wait is drawn from the upper half, so that a thousand
// devices which lost the same coordinator do not return at once. Not thread-safe.
class Backoff {
 public:
  Backoff(std::int64_t max_ms, std::uint64_t seed)
      : max_ms_(max_ms), rng_({seed, 0, 0, Purpose::kScenario}) {}

  std::int64_t next_ms();
  void reset() { step_ms_ = kFirstRetryMs; }
  // A window that the coordinator asked for: never shorter, up to a tenth (10 s at most) longer.
  std::int64_t window_ms(std::uint32_t retry_after_ms);

 private:
  std::int64_t max_ms_;
  std::int64_t step_ms_ = kFirstRetryMs;
  Rng rng_;
};

}  // namespace fedqat
