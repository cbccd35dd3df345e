// The folder a run leaves behind.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "common/base/fs.h"
#include "common/base/result.h"
#include "sim/report/compare_report.h"
#include "sim/run_report.h"

namespace fedqat {

// "fedqat-run-digits-1": `name` with everything but letters, digits, '.', '_' and '-' replaced.
std::filesystem::path default_dir(std::string_view prefix, std::string_view name,
                                  std::uint64_t seed);

// The fp32 twin has a run folder of its own inside the run's.
inline constexpr const char* kTwinDir = "fp32";

// Makes `dir`, or takes one that is empty or that fedqat-sim wrote, and removes the results of the
// run before from it: files of known names, nothing else. kInvalid: it holds something else. kIo:
// it cannot be made or written.
Result<void> claim_dir(Fs& fs, const std::filesystem::path& dir);

// The run that claimed `dir` failed: says so in manifest.json and on stderr, if only on stderr that
// the first could not be. Returns the exit code.
int fail_run(Fs& fs, const std::filesystem::path& dir, const Error& error);

struct RunFiles {
  const RunReport* report = nullptr;
  const RunReport* fp32_twin = nullptr;  // may be null; shown in report.html
  std::string config_toml;
  ByteView model_file;
  bool interrupted = false;
};

// config.toml, metrics.csv, report.json, report.html, model.fedqat and, as the last, manifest.json.
Result<void> write_run(Fs& fs, const std::filesystem::path& dir, const RunFiles& files);

struct CompareFiles {
  const CompareReport* report = nullptr;
  std::string config_toml;
  std::string data_sha256;
  bool interrupted = false;
};

// config.toml, compare.json, compare.html and, as the last, manifest.json.
Result<void> write_compare(Fs& fs, const std::filesystem::path& dir, const CompareFiles& files);

}  // namespace fedqat
