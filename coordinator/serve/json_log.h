// One JSON object a line on stderr, where systemd's journal and log shippers take it from.
#pragma once

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <mutex>
#include <string_view>
#include <variant>

namespace fedqat {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

struct LogField {
  std::string_view key;  // snake_case, with its unit
  std::variant<std::string_view, std::int64_t, double> value;
};

// {"time":"2026-01-31T12:00:00.123Z","level":"info","event":"round_closed","round":3,...}
// Text that is not UTF-8 is replaced; control characters are escaped. Thread-safe.
class JsonLog {
 public:
  explicit JsonLog(std::FILE* out = stderr, LogLevel least = LogLevel::kInfo)
      : out_(out), least_(least) {}

  void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});
  void info(std::string_view event, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kInfo, event, fields);
  }
  void warning(std::string_view event, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kWarning, event, fields);
  }
  void error(std::string_view event, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kError, event, fields);
  }

 private:
  std::FILE* out_;
  LogLevel least_;
  std::mutex mutex_;
};

}  // namespace fedqat
