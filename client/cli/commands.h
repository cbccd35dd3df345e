// The commands of fedqat-client. Each prints its results and returns the program's exit code.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/base/fs.h"
#include "common/base/isa.h"
#include "common/cli/inputs.h"

namespace fedqat {

// --state, else $FEDQAT_STATE, else ~/.fedqat.
std::filesystem::path default_state_dir();

// Without a config file: defaults, and what --set says.
Result<wire::Config> client_config(Fs& fs, const InputOptions& input);

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

// Accuracy and loss of a model on the test set, by the integer engine.
struct EvalOptions {
  std::filesystem::path model;
  InputOptions input;  // config may be empty
  bool json = false;
};
int eval_command(const EvalOptions& options, Fs& fs);

// How fast one core of this machine trains and runs networks.
struct BenchOptions {
  InputOptions input;               // config may be empty
  std::vector<std::string> models;  // empty: the config's, without a config the default set
  std::optional<std::uint32_t> batch;
  std::optional<std::uint32_t> threads;
  std::vector<Isa> isas;   // empty: the best
  int repeats = 5;         // at least 1
  double seconds = 0.2;    // of a repeat
  bool synthetic = false;  // noise where the data set is not there
  bool json = false;
  bool markdown = false;
  bool csv = false;
};
int bench_command(const BenchOptions& options, Fs& fs);

struct DoctorOptions {
  std::filesystem::path state;
  InputOptions input;  // all may be empty
  bool json = false;
};
int doctor_command(const DoctorOptions& options, Fs& fs);

}  // namespace fedqat
