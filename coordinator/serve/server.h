// The coordinator as a process: listeners, the core loop, signals.
#pragma once

#include <filesystem>

#include "common/base/result.h"
#include "common/wire/config.pb.h"
#include "common/wire/network_spec.h"
#include "coordinator/serve/json_log.h"

namespace fedqat {

struct ServeOptions {
  std::filesystem::path state;
  wire::Config config;
  NetworkSpec network;
  // Reads the config again (SIGHUP).
  std::function<Result<wire::Config>()> reload;
  bool exit_when_done = false;  // after the run, once devices that come back heard of it
};

// Serves until SIGTERM or SIGINT: then no new connections, answers what has arrived, and returns
// within 10 s. SIGHUP: certificates and the [deploy] keys that can change are read again; nobody is
// disconnected. Ok also when the run failed: the log says so. Blocks these signals for the process.
Result<void> serve(const ServeOptions& options, JsonLog& log);

}  // namespace fedqat
