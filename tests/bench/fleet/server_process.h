// The coordinator under test: a process of its own, and what the kernel says of it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/state/state_dir.h"

namespace fedqat {

struct Usage {
  double rss_mib = 0;
  double peak_mib = 0;
  double cpu_s = 0;
};

Usage usage_of(pid_t pid);

// Starts the program words[0]; its standard error is appended to `log`. It
// does not outlive the calling thread.
pid_t launch(const std::vector<std::string>& words, const std::string& log);

// Runs it to its end; the status of waitpid().
int run_to_end(const std::vector<std::string>& words);

// The devices' port, as soon as the coordinator has written it; exits after ten seconds without.
std::uint16_t read_port(const StatePaths& paths);

}  // namespace fedqat
