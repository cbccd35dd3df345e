#include <cstdio>

#include "common/cli/exit_code.h"
#include "sim/cli/commands.h"
#include "sim/report/report_json.h"
#include "sim/report/run_page.h"

namespace fedqat {
namespace {

// The page of one run, with its config and fp32 twin if they lie beside it.
Result<std::string> single_page(Fs& fs, const std::filesystem::path& dir, const RunReport& run) {
  std::string config_toml;
  if (fs.exists(dir / "config.toml")) {
    const auto bytes = fs.read(dir / "config.toml");
    if (!bytes) return bytes.error();
    config_toml = as_text(*bytes);
  }
  if (!fs.exists(dir / "fp32" / "report.json")) return run_page(run, nullptr, config_toml);
  const auto twin = load_report(fs, dir / "fp32");
  if (!twin) return twin.error();
  return run_page(run, &*twin, config_toml);
}

}  // namespace

int report_command(const ReportOptions& options, Fs& fs) {
  std::vector<RunReport> runs;
  for (const auto& path : options.runs) {
    auto report = load_report(fs, path);
    if (!report) return complain(report.error());
    runs.push_back(std::move(*report));
  }
  const bool one_dir = runs.size() == 1 && options.runs.front().extension() != ".json";
  std::filesystem::path out = options.out;
  if (out.empty()) out = one_dir ? options.runs.front() / "report.html" : "fedqat-report.html";
  auto page = one_dir ? single_page(fs, options.runs.front(), runs.front())
                      : Result<std::string>(runs_page(runs));
  if (!page) return complain(page.error());
  if (auto r = fs.write_atomic(out, as_bytes(*page)); !r) return complain(r.error());
  std::printf("%s\n", out.string().c_str());
  return kExitOk;
}

}  // namespace fedqat
