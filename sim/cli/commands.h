// The subcommands of fedqat-sim. Each writes results to stdout, progress and errors to stderr, and
// returns the exit code (exit_code.h).
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "common/base/clock.h"
#include "common/base/fs.h"
#include "common/cli/inputs.h"

namespace fedqat {

struct RunOptions {
  InputOptions input;
  std::filesystem::path out;  // empty: a name from the config and the seed
  bool fp32_twin = false;
  bool json = false;
  bool quiet = false;
};
int run_command(const RunOptions& options, Fs& fs, const Clock& clock);
int compare_command(const RunOptions& options, Fs& fs, const Clock& clock);

struct BitsOptions {
  InputOptions input;
  std::optional<double> budget_kb;    // of packed weights; 1 kB is 1000 bytes
  std::optional<double> budget_bits;  // a weight, on average; one of the two budgets is given
  std::filesystem::path out;          // empty: none
  bool quiet = false;
};
int bits_command(const BitsOptions& options, Fs& fs, const Clock& clock);

struct ReportOptions {
  std::vector<std::filesystem::path> runs;
  std::filesystem::path out;  // empty: report.html in the only run's folder, fedqat-report.html
};
int report_command(const ReportOptions& options, Fs& fs);

struct PartitionOptions {
  InputOptions input;
  std::uint32_t show = 20;  // clients
  bool json = false;
};
int partition_command(const PartitionOptions& options, Fs& fs);

int config_command();

}  // namespace fedqat
