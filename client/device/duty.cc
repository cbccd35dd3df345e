#include "client/device/duty.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <optional>
#include <thread>

namespace fedqat {
namespace {

constexpr int kDay = 24 * 60;
constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kCommandLimitMs = 10'000;
constexpr std::int64_t kPollMs = 20;

std::optional<int> number(std::string_view text, int max) {
  int value = 0;
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool good = code == std::errc() && stop == text.data() + text.size() && value >= 0;
  return good && value <= max ? std::optional(value) : std::nullopt;
}

std::optional<int> minute_of(std::string_view text) {
  const std::size_t colon = text.find(':');
  const auto hour = number(text.substr(0, colon), 24);
  if (!hour) return std::nullopt;
  if (colon == std::string_view::npos) return *hour * 60 % kDay;
  const auto minute = number(text.substr(colon + 1), 59);
  if (!minute) return std::nullopt;
  return (*hour * 60 + *minute) % kDay;
}

}  // namespace

Result<DutyHours> parse_duty_hours(std::string_view text) {
  if (text.empty()) return DutyHours{};
  const std::size_t dash = text.find('-');
  if (dash != std::string_view::npos) {
    const auto begin = minute_of(text.substr(0, dash)), end = minute_of(text.substr(dash + 1));
    if (begin && end) return DutyHours{*begin, *end};
  }
  return Error{Errc::kInvalid, "duty.hours = \"" + std::string(text) +
                                   "\" is not two times of the day; use \"22-6\" or \"1:30-5\""};
}

int minutes_off_duty(const DutyHours& hours, int minute) {
  const auto [begin, end] = hours;
  const bool inside = begin == end  ? true
                      : begin < end ? minute >= begin && minute < end
                                    : minute >= begin || minute < end;
  return inside ? 0 : (begin - minute + kDay) % kDay;
}

bool command_succeeds(const std::string& command, std::int64_t limit_ms) {
  posix_spawnattr_t attributes;
  if (::posix_spawnattr_init(&attributes) != 0) return false;
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  std::string text = command, shell = "sh", option = "-c";
  char* const arguments[] = {shell.data(), option.data(), text.data(), nullptr};
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, "/bin/sh", nullptr, &attributes, arguments, environ);
  ::posix_spawnattr_destroy(&attributes);
  if (failed != 0) return false;
  const SteadyClock clock;
  const std::int64_t deadline_ms = clock.now_ms() + limit_ms;
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (clock.now_ms() >= deadline_ms) {
      ::kill(-child, SIGKILL);
      (void)::waitpid(child, &status, 0);
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kPollMs));
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::int64_t Duty::off_duty_ms(int minute_of_day) {
  if (const int off = minutes_off_duty(hours_, minute_of_day); off > 0) return off * kMinuteMs;
  if (free_command_.empty()) return 0;
  const std::int64_t now_ms = clock_.now_ms();
  if (!asked_ || now_ms - asked_ms_ >= free_every_ms_) {
    free_ = command_succeeds(free_command_, kCommandLimitMs);
    asked_ = true;
    asked_ms_ = clock_.now_ms();
  }
  if (free_) return 0;
  return std::max<std::int64_t>(asked_ms_ + free_every_ms_ - now_ms, 1000);
}

}  // namespace fedqat
