#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/cli/exit_code.h"
#include "coordinator/cli/commands.h"
#include "coordinator/state/state_dir.h"

namespace fedqat {
namespace {

using Json = nlohmann::ordered_json;
namespace stdfs = std::filesystem;

struct KnownRun {
  stdfs::path dir;
  stdfs::file_time_type changed;
  Json status;
};

// The newest first.
Result<std::vector<KnownRun>> find_runs(const stdfs::path& state, const std::string& prefix,
                                        Fs& fs) {
  const auto paths = open_state_dir(state);
  if (!paths) return paths.error();
  std::vector<KnownRun> runs;
  std::error_code none;
  for (const auto& entry : stdfs::directory_iterator(paths->dir / "runs", none)) {
    if (!entry.path().filename().string().starts_with(prefix)) continue;
    const stdfs::path file = entry.path() / "status.json";
    const auto bytes = fs.read(file);
    if (!bytes) continue;  // was never served
    Json status = Json::parse(as_text(*bytes), nullptr, false);
    if (status.is_discarded() || !status.is_object()) {
      return Error{Errc::kCorrupt, file.string() +
                                       ": is not JSON; delete it, the coordinator "
                                       "writes it again"};
    }
    runs.push_back({entry.path(), stdfs::last_write_time(file, none), std::move(status)});
  }
  std::sort(runs.begin(), runs.end(),
            [](const KnownRun& a, const KnownRun& b) { return a.changed > b.changed; });
  return runs;
}

Result<KnownRun> find_run(const RunOption& options, Fs& fs) {
  auto runs = find_runs(options.state.dir, options.run, fs);
  if (!runs) return runs.error();
  if (runs->empty()) {
    return Error{Errc::kNotFound,
                 "no run" + (options.run.empty() ? "" : " begins with " + options.run) + " in " +
                     options.state.dir.string() + "; `fedqat-coordinator serve` begins one"};
  }
  if (!options.run.empty() && runs->size() > 1) {
    return Error{Errc::kInvalid, "more than one run begins with " + options.run +
                                     "; give more "
                                     "digits"};
  }
  return std::move(runs->front());
}

std::string text(const Json& j, const char* key) {
  const auto found = j.find(key);
  return found != j.end() && found->is_string() ? found->get<std::string>() : "";
}

std::int64_t number(const Json& j, const char* key) {
  const auto found = j.find(key);
  return found != j.end() && found->is_number() ? found->get<std::int64_t>() : 0;
}

}  // namespace

int runs_command(const StateOption& options, Fs& fs) {
  const auto runs = find_runs(options.dir, "", fs);
  if (!runs) return complain(runs.error());
  if (options.json) {
    Json all = Json::array();
    for (const KnownRun& r : *runs) all.push_back(r.status);
    std::printf("%s\n", all.dump(2).c_str());
    return kExitOk;
  }
  std::printf("%-16s  %-20s %-9s %s\n", "run", "name", "state", "rounds");
  for (const KnownRun& r : *runs) {
    std::printf("%-16s  %-20s %-9s %lld of %lld\n", text(r.status, "run").c_str(),
                text(r.status, "name").c_str(), text(r.status, "state").c_str(),
                static_cast<long long>(number(r.status, "rounds_done")),
                static_cast<long long>(number(r.status, "rounds")));
  }
  return kExitOk;
}

int status_command(const RunOption& options, Fs& fs) {
  const auto run = find_run(options, fs);
  if (!run) return complain(run.error());
  std::printf("%s\n", run->status.dump(2).c_str());
  return kExitOk;
}

int export_command(const RunOption& options, Fs& fs) {
  const auto run = find_run(options, fs);
  if (!run) return complain(run.error());
  const auto model = fs.read(run->dir / "model.fedqat");
  if (!model) {
    return complain({Errc::kNotFound, "run " + text(run->status, "run") +
                                          " has no model yet; it is written every 10 seconds and "
                                          "at the end"});
  }
  if (auto ok = fs.write_atomic(options.out, *model); !ok) return complain(ok.error());
  const Json& status = run->status;
  const std::string sha =
      status.contains("model") ? text(status["model"], "sha256") : std::string();
  std::printf(options.state.json ? "{\"file\":\"%s\",\"sha256\":\"%s\"}\n" : "%s  sha256 %s\n",
              options.out.c_str(), sha.c_str());
  return kExitOk;
}

}  // namespace fedqat
