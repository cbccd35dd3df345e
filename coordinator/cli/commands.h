// The subcommands of fedqat-coordinator. Each writes results to stdout and errors to stderr, and
// returns the exit code (common/cli/exit_code.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "common/base/fs.h"
#include "common/cli/inputs.h"

namespace fedqat {

// Of all commands.
struct StateOption {
  std::filesystem::path dir;
  bool json = false;
};

struct InitOptions {
  StateOption state;
  std::string name = "fedqat";     // of the authority
  std::vector<std::string> names;  // host names and addresses of the server
};
int init_command(const InitOptions& options);

struct ServeCommandOptions {
  StateOption state;
  InputOptions input;
  bool exit_when_done = false;
};
int serve_command(const ServeCommandOptions& options, Fs& fs);

struct EnrollOptions {
  StateOption state;
  std::vector<std::string> devices;
  double hours = 24;
  std::string server;  // host:port that the printed command names
};
int enroll_command(const EnrollOptions& options);

struct DevicesOptions {
  StateOption state;
  std::string release;  // a device to take out of quarantine; empty: list
};
int devices_command(const DevicesOptions& options);

struct RevokeOptions {
  StateOption state;
  std::string device;
  std::string reason = "no reason given";
};
int revoke_command(const RevokeOptions& options);

int runs_command(const StateOption& options, Fs& fs);

struct RunOption {
  StateOption state;
  std::string run;  // digits it begins with; empty: the newest
  std::filesystem::path out;
};
int status_command(const RunOption& options, Fs& fs);
int export_command(const RunOption& options, Fs& fs);

struct InspectOptions {
  std::filesystem::path file;
  bool json = false;
};
int inspect_command(const InspectOptions& options, Fs& fs);

int audit_verify_command(const StateOption& options);

}  // namespace fedqat
