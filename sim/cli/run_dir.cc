#include "sim/cli/run_dir.h"

#include <cctype>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/cli/exit_code.h"
#include "common/crypto/sha256.h"
#include "sim/report/metrics_csv.h"
#include "sim/report/report_json.h"
#include "sim/report/run_page.h"

namespace fedqat {
namespace {

namespace stdfs = std::filesystem;
constexpr const char* kManifest = "manifest.json";

using Json = nlohmann::ordered_json;

constexpr const char* kManifestFormat = "fedqat.manifest/1";

// `more` is what a finished command knows.
std::string manifest(const char* status, const Json& more) {
  Json root = {{"format", kManifestFormat},
               {"status", status},
               {"version", FEDQAT_VERSION},
               {"compiler", FEDQAT_COMPILER}};
  root.update(more);
  return root.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string end_manifest(bool interrupted, const Json& more) {
  return manifest(interrupted ? "interrupted" : "finished", more);
}

// Other programs have a manifest.json too.
bool is_ours(Fs& fs, const stdfs::path& dir) {
  const auto bytes = fs.read(dir / kManifest);
  if (!bytes) return false;
  const auto root = nlohmann::json::parse(as_text(*bytes), nullptr, false);
  if (!root.is_object()) return false;
  const auto format = root.find("format");
  return format != root.end() && *format == kManifestFormat;
}

// What an earlier run or comparison left, so that no file of it passes for one of this. config.toml
// stays: every command writes it, and it may be the config that was given.
Result<void> remove_results(const stdfs::path& dir) {
  constexpr const char* kResults[] = {"metrics.csv",  "report.json",  "report.html",
                                      "model.fedqat", "compare.json", "compare.html"};
  const auto remove = [](const stdfs::path& path) -> Result<void> {
    std::error_code code;
    stdfs::remove(path, code);
    if (!code || code == std::errc::directory_not_empty) return {};
    return Error{Errc::kIo, path.string() + ": cannot remove this file of an earlier run: " +
                                code.message() + "; give another folder with --out"};
  };
  for (const char* name : kResults) {
    if (auto r = remove(dir / name); !r) return r;
  }
  std::error_code ignored;
  const stdfs::path twin = dir / kTwinDir;
  if (!stdfs::is_directory(twin, ignored)) return {};
  for (const char* name : kResults) {
    if (auto r = remove(twin / name); !r) return r;
  }
  for (const char* name : {"config.toml", kManifest}) {
    if (auto r = remove(twin / name); !r) return r;
  }
  return remove(twin);  // unless something else is in it
}

std::string hash_of(std::string_view text) { return to_hex(sha256(as_bytes(text))); }

}  // namespace

stdfs::path default_dir(std::string_view prefix, std::string_view name, std::uint64_t seed) {
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
  if (stdfs::is_symlink(dir, code) && !stdfs::exists(dir, code)) {
    return Error{Errc::kInvalid, dir.string() + ": is a symbolic link to " +
                                     stdfs::read_symlink(dir, code).string() +
                                     ", which is not there; make that folder, or give another one "
                                     "with --out"};
  }
  if (stdfs::exists(dir, code) && !stdfs::is_directory(dir, code)) {
    return Error{Errc::kInvalid, dir.string() +
                                     ": is a file, but results need a folder; give "
                                     "another one with --out"};
  }
  if (stdfs::exists(dir, code) && !stdfs::is_empty(dir, code) && !is_ours(fs, dir)) {
    return Error{Errc::kInvalid,
                 dir.string() + ": holds files, but not those of fedqat-sim (no " + kManifest +
                     " of format " + kManifestFormat +
                     "); nothing was changed. Give an empty or a new folder with --out"};
  }
  if (auto r = fs.make_dirs(dir); !r) return r;
  // Finds a full or read-only disk before the training, and marks the folder as ours.
  if (auto r = fs.write_atomic(dir / kManifest, as_bytes(manifest("running", Json::object())));
      !r) {
    return r;
  }
  return remove_results(dir);
}

int fail_run(Fs& fs, const stdfs::path& dir, const Error& error) {
  const auto noted =
      fs.write_atomic(dir / kManifest, as_bytes(manifest("failed", {{"why", error.what}})));
  if (!noted) complain(noted.error());
  return complain(error);
}

Result<void> write_run(Fs& fs, const stdfs::path& dir, const RunFiles& files) {
  const RunReport& r = *files.report;
  const Json more = {{"command", "run"},
                     {"name", r.name},
                     {"seed", r.seed},
                     {"isa", r.isa},
                     {"threads", r.threads},
                     {"rounds", r.rounds.size()},
                     {"data", {{"name", r.data_name}, {"sha256", r.data_sha256}}},
                     {"config_sha256", hash_of(files.config_toml)},
                     {"model_sha256", r.model_sha256}};
  const std::pair<const char*, std::string> texts[] = {
      {"config.toml", files.config_toml},
      {"metrics.csv", metrics_csv(r)},
      {"report.json", report_json(r)},
      {"report.html", run_page(r, files.fp32_twin, files.config_toml)}};
  if (auto made = fs.make_dirs(dir); !made) return made;
  for (const auto& [name, text] : texts) {
    if (auto wrote = fs.write_atomic(dir / name, as_bytes(text)); !wrote) return wrote;
  }
  if (auto wrote = fs.write_atomic(dir / "model.fedqat", files.model_file); !wrote) return wrote;
  return fs.write_atomic(dir / kManifest, as_bytes(end_manifest(files.interrupted, more)));
}

Result<void> write_compare(Fs& fs, const stdfs::path& dir, const CompareFiles& files) {
  const CompareReport& r = *files.report;
  const Json more = {{"command", "compare"},
                     {"name", r.name},
                     {"seed", r.first_seed},
                     {"isa", r.isa},
                     {"data", {{"name", r.data_name}, {"sha256", files.data_sha256}}},
                     {"config_sha256", hash_of(files.config_toml)}};
  const std::pair<const char*, std::string> texts[] = {
      {"config.toml", files.config_toml},
      {"compare.json", compare_json(r)},
      {"compare.html", compare_page(r)},
      {kManifest, end_manifest(files.interrupted, more)}};
  for (const auto& [name, text] : texts) {
    if (auto wrote = fs.write_atomic(dir / name, as_bytes(text)); !wrote) return wrote;
  }
  return {};
}

}  // namespace fedqat
