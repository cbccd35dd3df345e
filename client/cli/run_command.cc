#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "client/cli/commands.h"
#include "client/cli/device_process.h"
#include "common/base/memory.h"
#include "common/base/systemd.h"
#include "common/cli/exit_code.h"
#include "common/wire/config.h"

namespace fedqat {
namespace {

long peak_kib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

Result<DeviceEnd> run(const RunOptions& options, Fs& fs, const wire::Config& config) {
  const wire::DutyConfig& duty = config.duty();
  const auto hours = parse_duty_hours(duty.hours());
  if (!hours) return hours.error();
  auto state = StateDir::open(fs, options.state);
  if (!state) return state.error();
  const auto identity = state->identity();
  if (!identity) return identity.error();
  if (duty.nice() > 0) ::setpriority(PRIO_PROCESS, 0, static_cast<int>(duty.nice()));
  LocalSamples samples(fs, config, options.input.data_dir, options.shard);
  // Now, so that missing data are told before anything is promised to the coordinator.
  const auto own = samples.of(static_cast<std::uint32_t>(identity->profile.device_number));
  if (!own) return own.error();
  DeviceProcess process(duty, *hours, options.quiet);
  DeviceOptions device;
  if (!options.input.config.empty()) device.config = config;
  device.once = options.once;
  device.checkpoint_ms = static_cast<std::int64_t>(duty.checkpoint_s() * 1000);
  device.retry_max_ms = static_cast<std::int64_t>(duty.retry_max_s() * 1000);
  device.threads = static_cast<int>(duty.threads());
  DeviceLoop loop(fs, *state, samples, process, std::move(device));
  process.say(identity->profile.device_name + ": " + std::to_string((*own)->size()) +
              " samples, coordinator " + identity->profile.address);
  notify_systemd("READY=1");
  auto end = loop.run();
  notify_systemd("STOPPING=1");
  return end;
}

}  // namespace

std::filesystem::path default_state_dir() {
  if (const char* dir = std::getenv("FEDQAT_STATE"); dir != nullptr && *dir != '\0') return dir;
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home != nullptr && *home != '\0' ? home : ".") / ".fedqat";
}

int run_command(const RunOptions& options, Fs& fs) {
  prefer_small_heap();
  catch_stop_signals();
  const auto config = client_config(fs, options.input);
  if (!config) return complain(config.error());
  const auto end = run(options, fs, *config);
  if (!end) return complain(end.error());
  if (*end == DeviceEnd::kStopped) {
    if (!options.quiet) std::fprintf(stderr, "fedqat-client: stopped; `run` goes on from here\n");
    return stop_signal() == SIGINT ? kExitInterrupted : kExitOk;
  }
  std::printf("%s; at most %.1f MiB of memory\n",
              *end == DeviceEnd::kFinished ? "the run is finished" : "one update counted",
              static_cast<double>(peak_kib()) / 1024);
  return kExitOk;
}

}  // namespace fedqat
