#include "coordinator/serve/json_log.h"

#include <array>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <string>

namespace fedqat {
namespace {

constexpr std::array<const char*, 4> kNames = {"debug", "info", "warning", "error"};

std::string utc_now() {
  using namespace std::chrono;
  const auto now = system_clock::now();
  const std::time_t seconds = system_clock::to_time_t(now);
  const auto ms = duration_cast<milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 32> date{}, text{};
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text.data(), text.size(), "%.19s.%03dZ", date.data(), static_cast<int>(ms));
  return text.data();
}

}  // namespace

void JsonLog::write(LogLevel level, std::string_view event,
                    std::initializer_list<LogField> fields) {
  if (level < least_) return;
  nlohmann::ordered_json line = {
      {"time", utc_now()}, {"level", kNames[static_cast<std::size_t>(level)]}, {"event", event}};
  for (const LogField& f : fields) {
    std::visit([&](const auto& value) { line[std::string(f.key)] = value; }, f.value);
  }
  const std::string text =
      line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  const std::scoped_lock lock(mutex_);
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
}

}  // namespace fedqat
