#include "common/base/clock.h"

#include <chrono>

#include "common/base/check.h"

namespace fedqat {

std::int64_t SteadyClock::now_ms() const {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

void VirtualClock::advance_to(std::int64_t now_ms) {
  FEDQAT_CHECK(now_ms >= now_ms_);
  now_ms_ = now_ms;
}

}  // namespace fedqat
