#include "sim/cli/run_dir.h"

#include <cctype>
#include <nlohmann/json.hpp>

#include "common/crypto/sha256.h"
#include "sim/report/metrics_csv.h"
#include "sim/report/report_json.h"
#include "sim/report/run_page.h"

namespace fedqat {
namespace {

namespace stdfs = std::filesystem;
constexpr const char* kManifest = "manifest.json";

std::string manifest(std::string_view status, const RunFiles* files) {
  nlohmann::ordered_json root = {{"format", "fedqat.manifest/1"},
                                 {"status", status},
                                 {"version", FEDQAT_VERSION},
                                 {"compiler", FEDQAT_COMPILER}};
  if (files != nullptr) {
    const RunReport& r = *files->report;
    root["name"] = r.name;
    root["seed"] = r.seed;
    root["isa"] = r.isa;
    root["threads"] = r.threads;
    root["rounds"] = r.rounds.size();
    root["data"] = {{"name", r.data_name}, {"sha256", r.data_sha256}};
    root["config_sha256"] = to_hex(sha256(as_bytes(files->config_toml)));
    root["model_sha256"] = r.model_sha256;
  }
  return root.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string default_dir(std::string_view prefix, std::string_view name, std::uint64_t seed) {
  std::string safe;
  for (const char c : name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' ||
                       (c == '.' && !safe.empty());
    safe += plain ? c : '-';
  }
  return std::string(prefix) + "-" + safe + "-" + std::to_string(seed);
}

Result<void> claim_dir(Fs& fs, const stdfs::path& dir) {
  std::error_code code;
  if (stdfs::exists(dir, code) && !stdfs::is_directory(dir, code)) {
    return Error{Errc::kInvalid, dir.string() +
                                     ": is a file, but results need a folder; give "
                                     "another one with --out"};
  }
  if (stdfs::exists(dir, code) && !stdfs::is_empty(dir, code) && !fs.exists(dir / kManifest)) {
    return Error{Errc::kInvalid,
                 dir.string() + ": holds files, but none of fedqat-sim (no " + kManifest +
                     "); nothing was changed. Give an empty or a new folder with --out"};
  }
  if (auto r = fs.make_dirs(dir); !r) return r;
  // Finds a full or read-only disk before the training, and marks the folder as ours.
  return fs.write_atomic(dir / kManifest, as_bytes(manifest("running", nullptr)));
}

Result<void> write_run(Fs& fs, const stdfs::path& dir, const RunFiles& files) {
  const RunReport& report = *files.report;
  if (auto r = fs.make_dirs(dir); !r) return r;
  const auto write = [&](const char* name, std::string_view text) {
    return fs.write_atomic(dir / name, as_bytes(text));
  };
  if (auto r = write("config.toml", files.config_toml); !r) return r;
  if (auto r = write("metrics.csv", metrics_csv(report)); !r) return r;
  if (auto r = write("report.json", report_json(report)); !r) return r;
  if (auto r = write("report.html", run_page(report, files.fp32_twin, files.config_toml)); !r) {
    return r;
  }
  if (auto r = fs.write_atomic(dir / "model.fedqat", files.model_file); !r) return r;
  return write(kManifest, manifest(files.interrupted ? "interrupted" : "finished", &files));
}

}  // namespace fedqat
