// report.json: a RunReport on disk (format fedqat.report/1; keys are only ever added).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "common/base/fs.h"
#include "common/base/result.h"
#include "sim/run_report.h"

namespace fedqat {

inline constexpr std::string_view kReportFormat = "fedqat.report/1";

// Values that were not measured, and those that are not finite, are null.
std::string report_json(const RunReport& report);

// Reads what report_json() wrote, and later versions of it: unknown keys are skipped. `file` is
// named in errors. kCorrupt: not JSON (line and column), another format, a key that is missing or
// of a wrong type (its path, such as "rounds[3].bytes_up"), or a count that does not fit.
Result<RunReport> parse_report(std::string_view json, std::string_view file);

// `path` is a run directory or its report.json. Codes of Fs::read() and parse_report().
Result<RunReport> load_report(Fs& fs, const std::filesystem::path& path);

}  // namespace fedqat
