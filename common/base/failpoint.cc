#include "common/base/failpoint.h"

#ifdef FEDQAT_FAILPOINTS

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

namespace fedqat {
namespace {

FailpointHandler g_handler = nullptr;

struct FromEnvironment {
  std::string name;
  std::atomic<long> left{1};

  FromEnvironment() {
    const char* text = std::getenv("FEDQAT_FAILPOINT");
    if (text == nullptr) return;
    const char* at = std::strchr(text, '@');
    name = at == nullptr ? std::string(text) : std::string(text, at);
    if (at != nullptr) left = std::atol(at + 1);
  }
};

}  // namespace

void set_failpoint_handler(FailpointHandler handler) { g_handler = handler; }

void pass_failpoint(const char* name) {
  if (g_handler != nullptr) return g_handler(name);
  static FromEnvironment chosen;
  if (!chosen.name.empty() && chosen.name == name && chosen.left.fetch_sub(1) == 1) {
    ::kill(::getpid(), SIGKILL);
  }
}

}  // namespace fedqat

#endif
