// Stops a test at the n-th failpoint that it passes, by an exception.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/failpoint.h"

namespace fedqat {

struct Stopped {
  std::string name;
};

// One at a time; failpoints of other threads count too.
class StopAt {
 public:
  explicit StopAt(int nth) {
    left_ = nth;
    set_failpoint_handler([](const char* name) {
      if (--left_ == 0) throw Stopped{name};
    });
  }
  ~StopAt() { set_failpoint_handler(nullptr); }
  StopAt(const StopAt&) = delete;
  StopAt& operator=(const StopAt&) = delete;

 private:
  inline static int left_ = 0;
};

// Where run() stopped (no REQUIRE in it: Catch would take the exception), or nothing when it passes
// fewer than n failpoints.
template <class Run>
std::optional<std::string> stop_at(int nth, Run run) {
  const StopAt stop(nth);
  try {
    run();
  } catch (const Stopped& stopped) {
    return stopped.name;
  }
  return std::nullopt;
}

}  // namespace fedqat
