#include "common/base/clock.h"

#include <chrono>
#include <ctime>

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

std::int64_t unix_now_s() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

std::string utc_text(std::int64_t unix_s) {
  const std::time_t t = unix_s;
  std::tm utc{};
  ::gmtime_r(&t, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &utc);
  return text;
}

}  // namespace fedqat
