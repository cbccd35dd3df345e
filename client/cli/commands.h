// The commands of fedqat-client. Each prints its results and returns the program's exit code.
#pragma once

#include <filesystem>
#include <string>

#include "common/base/fs.h"
#include "common/cli/inputs.h"

namespace fedqat {

// --state, else $FEDQAT_STATE, else ~/.fedqat.
std::filesystem::path default_state_dir();

struct EnrollOptions {
  std::filesystem::path state;
  std::string server;  // HOST:PORT of the enrolment port
  std::string token;   // "-": the first line of stdin
  std::string name;    // in the server's certificate
  std::uint16_t port = 0;
};
int enroll_command(const EnrollOptions& options, Fs& fs);

struct RunOptions {
  std::filesystem::path state;
  InputOptions input;  // config may be empty
  bool shard = false;
  bool once = false;
  bool quiet = false;
};
int run_command(const RunOptions& options, Fs& fs);

}  // namespace fedqat
