#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/cli/exit_code.h"
#include "common/wire/config.h"
#include "sim/cli/commands.h"
#include "sim/cli/interrupt.h"
#include "sim/cli/progress.h"
#include "sim/cli/run_dir.h"
#include "sim/compare.h"
#include "sim/report/number.h"
#include "sim/report/run_page.h"
#include "sim/run.h"

namespace fedqat {
namespace {

double bytes_of(const RunReport& r) { return double(r.bytes_up) + double(r.bytes_down); }

Result<RunOutcome> train(const wire::Config& config, const DataSplit& data, const char* suffix,
                         const RunOptions& options, const Clock& clock) {
  const auto& quant = config.quant();
  const std::string label =
      bits_text(static_cast<int>(quant.weight_bits()), static_cast<int>(quant.activation_bits())) +
      suffix;
  Progress progress(stderr, detect_terminal(2), clock, label, options.quiet);
  return run_federation(config, data, [&](const RunReport& so_far, std::uint32_t total) {
    progress.round(so_far, total);
    return !interrupted();
  });
}

void print_line(const char* what, const std::string& value, const std::string& note) {
  if (note.empty()) {
    std::printf("%-14s %s\n", what, value.c_str());
  } else {
    std::printf("%-14s %-22s %s\n", what, value.c_str(), note.c_str());
  }
}

// `quantizes`: the config asks for it.
void print_summary(const RunReport& run, const RunReport* twin, bool quantizes,
                   const std::filesystem::path& dir) {
  std::string accuracy_note = "loss " + fixed(run.final_loss, 4);
  std::string sent_note =
      bytes_text(double(run.bytes_up)) + " up, " + bytes_text(double(run.bytes_down)) + " down";
  if (twin != nullptr) {
    const std::string points = fixed(100 * (run.final_accuracy - twin->final_accuracy), 2);
    accuracy_note = "fp32 " + percent(twin->final_accuracy) + " (" +
                    (points.front() == '-' ? "" : "+") + points + " points)";
    sent_note = "fp32 " + bytes_text(bytes_of(*twin)) + " (" +
                ratio_text(bytes_of(*twin), bytes_of(run)) + " less)";
  }
  print_line("test accuracy", percent(run.final_accuracy) + "  (" + bits_of(run) + ")",
             accuracy_note);
  if (quantizes && run.weight_bits == 32) {
    print_line("model", "fp32", "stopped before quantization began");
  }
  print_line("model file", bytes_text(double(run.bytes_packed)),
             "fp32 " + bytes_text(double(run.bytes_fp32)) + " (" +
                 ratio_text(double(run.bytes_fp32), double(run.bytes_packed)) + " smaller)");
  print_line("bytes sent", bytes_text(bytes_of(run)), sent_note);
  print_line(
      "time", seconds_text(run.seconds),
      std::to_string(run.rounds.size()) + " rounds" + (interrupted() ? ", then interrupted" : ""));
  print_line("model sha256", run.model_sha256, "");
  print_line("report", (dir / "report.html").string(), "");
}

nlohmann::ordered_json summary_json(const RunReport& r, const std::filesystem::path& dir) {
  return {{"out", dir.string()},
          {"report", (dir / "report.html").string()},
          {"rounds", r.rounds.size()},
          {"weight_bits", r.weight_bits},
          {"activation_bits", r.activation_bits},
          {"layer_bits", r.layer_bits},
          {"test_accuracy", r.final_accuracy},
          {"test_loss", r.final_loss},
          {"bytes_fp32", r.bytes_fp32},
          {"bytes_packed", r.bytes_packed},
          {"bytes_up", r.bytes_up},
          {"bytes_down", r.bytes_down},
          {"seconds", r.seconds},
          {"model_sha256", r.model_sha256}};
}

void print_json(const RunReport& run, const RunReport* twin, const std::filesystem::path& dir) {
  nlohmann::ordered_json root = {{"format", "fedqat.run/1"}, {"interrupted", interrupted()}};
  root.update(summary_json(run, dir));
  if (twin != nullptr) root["fp32_twin"] = summary_json(*twin, dir / kTwinDir);
  std::printf("%s\n",
              root.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

}  // namespace

int run_command(const RunOptions& options, Fs& fs, const Clock& clock) {
  const auto config = load_config(fs, options.input);
  if (!config) return complain(config.error());
  if (options.fp32_twin && config->quant().weight_bits() == 32) {
    return complain({Errc::kInvalid,
                     "--fp32-twin: this config trains in fp32 already; leave the option away, or "
                     "set quant.weight_bits and quant.activation_bits to 8"});
  }
  const auto data = load_config_data(fs, *config, options.input);
  if (!data) return complain(data.error());
  const std::filesystem::path dir =
      options.out.empty() ? default_dir("fedqat-run", config->run().name(), config->run().seed())
                          : options.out;
  if (auto r = check_federation(*config, *data); !r) return complain(r.error());
  if (auto r = claim_dir(fs, dir); !r) return complain(r.error());

  const auto run = train(*config, *data, "", options, clock);
  if (!run) return fail_run(fs, dir, run.error());
  std::optional<RunReport> twin;
  if (options.fp32_twin && !interrupted()) {
    const wire::Config twin_config = fp32_config(*config);
    const auto outcome = train(twin_config, *data, " twin", options, clock);
    if (!outcome) return fail_run(fs, dir, outcome.error());
    const RunFiles files{.report = &outcome->report,
                         .config_toml = effective_toml(twin_config),
                         .model_file = outcome->model_file,
                         .interrupted = interrupted()};
    if (auto r = write_run(fs, dir / kTwinDir, files); !r) return fail_run(fs, dir, r.error());
    // A twin that was cut short is no measure of anything.
    if (!interrupted()) twin = outcome->report;
  }
  const RunReport* const twin_report = twin ? &*twin : nullptr;
  const RunFiles files{.report = &run->report,
                       .fp32_twin = twin_report,
                       .config_toml = effective_toml(*config),
                       .model_file = run->model_file,
                       .interrupted = interrupted()};
  if (auto r = write_run(fs, dir, files); !r) return fail_run(fs, dir, r.error());
  if (options.json) {
    print_json(run->report, twin_report, dir);
  } else {
    print_summary(run->report, twin_report, config->quant().weight_bits() != 32, dir);
  }
  return interrupted() ? kExitInterrupted : kExitOk;
}

}  // namespace fedqat
