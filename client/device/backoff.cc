#include "client/device/backoff.h"

#include <algorithm>

namespace fedqat {

std::int64_t Backoff::next_ms() {
  const std::int64_t step = std::min(step_ms_, max_ms_);
  step_ms_ = std::min(2 * step_ms_, max_ms_);
  return step - static_cast<std::int64_t>(static_cast<double>(step) / 2 * rng_.uniform_double());
}

std::int64_t Backoff::window_ms(std::uint32_t retry_after_ms) {
  constexpr double kMostMore = 10000;
  const double more = std::min(retry_after_ms / 10.0, kMostMore) * rng_.uniform_double();
  return std::int64_t{retry_after_ms} + static_cast<std::int64_t>(more);
}

}  // namespace fedqat
