// When a device may work: hours of the day, and a command that says whether it is free.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace fedqat {

// Minutes of the day, [begin, end); begin > end goes over midnight; equal is always.
struct DutyHours {
  int begin = 0;
  int end = 0;
  bool operator==(const DutyHours&) const = default;
};

// "22-6", "1:30-5", "" (always). kInvalid with an example.
Result<DutyHours> parse_duty_hours(std::string_view text);
// Minutes until `minute` of the day is inside; 0: it is.
int minutes_off_duty(const DutyHours& hours, int minute);

// Does the shell command end with exit code 0 within `limit_ms`? Never an error: what cannot be run
// is not 0. It is killed at the limit, with all its children.
bool command_succeeds(const std::string& command, std::int64_t limit_ms);

// Not thread-safe; clock must outlive it.
class Duty {
 public:
  Duty(DutyHours hours, std::string free_command, std::int64_t free_every_ms, const Clock& clock)
      : hours_(hours),
        free_command_(std::move(free_command)),
        free_every_ms_(free_every_ms),
        clock_(clock) {}

  // 0: work now. Else how long to wait before asking again.
  std::int64_t off_duty_ms(int minute_of_day);

 private:
  DutyHours hours_;
  std::string free_command_;
  std::int64_t free_every_ms_;
  const Clock& clock_;
  std::int64_t asked_ms_ = 0;
  bool asked_ = false;
  bool free_ = false;
};

}  // namespace fedqat
