#include "sim/cli/interrupt.h"

#include <unistd.h>

#include <atomic>
#include <csignal>

#include "common/cli/exit_code.h"

namespace fedqat {
namespace {

std::atomic<int> g_interrupts{0};
static_assert(std::atomic<int>::is_always_lock_free, "used in a signal handler");

template <std::size_t N>
void say(const char (&text)[N]) {
  [[maybe_unused]] const auto ignored = ::write(STDERR_FILENO, text, N - 1);
}

void on_signal(int) {
  if (g_interrupts.fetch_add(1) == 0) {
    say("\nfedqat-sim: finishing this round, then writing the results; Ctrl-C again ends at "
        "once\n");
    return;
  }
  ::_exit(kExitInterrupted);
}

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return g_interrupts.load() > 0; }

}  // namespace fedqat
