// fedqat-sim: federations of virtual clients on one machine.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "common/base/isa.h"
#include "common/wire/config.pb.h"
#include "common/wire/schema.h"
#include "sim/cli/commands.h"
#include "sim/cli/exit_code.h"
#include "sim/cli/interrupt.h"

namespace fedqat {
namespace {

constexpr const char* kFooter = R"(
Examples:
  fedqat-sim run configs/quickstart.toml --out first-run --fp32-twin
  fedqat-sim run configs/quickstart.toml --seed 2 --set client.batch=64
  fedqat-sim compare configs/quickstart.toml --out comparison
  fedqat-sim report first-run comparison/other-run --out both.html
  fedqat-sim partition configs/quickstart.toml
  fedqat-sim config > my.toml

Exit codes:
  0 ok    1 failed    2 wrong usage or config    3 data, model or report missing or damaged
  130 interrupted: Ctrl-C ends after the round and writes what there is; twice ends at once

Environment:
  FEDQAT_DATA  folder of data sets    FEDQAT_ISA  scalar, avx2 or avx512vnni at most
  NO_COLOR     no colours
)";

// Takes what the key `table`.`name` takes, so that the option and the key refuse the same values.
std::function<std::string(const std::string&)> whole_number(const char* table, const char* name) {
  const auto& key =
      *wire::Config::descriptor()->FindFieldByName(table)->message_type()->FindFieldByName(name);
  return [&key](const std::string& text) -> std::string {
    std::int64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, code] = std::from_chars(text.data(), end, value);
    const bool good = stop == end && code == std::errc() && value >= 0 &&
                      in_bounds(key, static_cast<double>(value));
    return good ? "" : "'" + text + "' is refused; use a whole number, " + key_bounds(key);
  };
}

// An empty name is most likely a shell variable that was not set, and never means the default.
std::string not_empty(const std::string& text) {
  return text.empty() ? "the name is empty; give one, or leave the option away" : "";
}

void add_input(CLI::App& command, InputOptions& input) {
  command.add_option("config", input.config, "TOML file; `fedqat-sim config` shows its keys")
      ->type_name("CONFIG")
      ->required();
  command.add_option("--seed", input.seed, "Instead of run.seed")
      ->type_name("N")
      ->check(whole_number("run", "seed"));
  command.add_option("--data", input.data_dir, "Folder of the data set")
      ->type_name("DIR")
      ->check(not_empty);
  command.add_option("--set", input.overrides, "Sets a key of the config; may be repeated")
      ->type_name("KEY=VALUE")
      ->take_all()
      ->allow_extra_args(false);
}

void add_run(CLI::App& command, RunOptions& options) {
  add_input(command, options.input);
  command.add_option("--out", options.out, "Folder for the results, made if it is not there")
      ->type_name("DIR")
      ->check(not_empty);
  command.add_option("--threads", options.input.threads, "Instead of sim.threads; 0: all cores")
      ->type_name("N")
      ->check(whole_number("sim", "threads"));
  command.add_flag("--json", options.json, "Prints the summary as JSON");
  command.add_flag("-q,--quiet", options.quiet, "No progress");
}

std::vector<std::string> command_names(CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

// CLI11 calls an unknown command a missing one.
bool is_unknown_command(CLI::App& app, int argc, char** argv) {
  if (argc < 2 || *argv[1] == '-') return false;
  const auto names = command_names(app);
  return std::find(names.begin(), names.end(), argv[1]) == names.end();
}

int refuse_command(CLI::App& app, const std::string& name) {
  const std::string meant = nearest(name, command_names(app));
  std::string text = "unknown command '" + name + "'; ";
  if (!meant.empty()) text += "did you mean '" + meant + "'? ";
  return complain({Errc::kInvalid, text + "fedqat-sim --help lists the commands"});
}

// CLI11 has a code for every mistake; --help and --version are 0.
int end_parse(const CLI::App& app, const CLI::ParseError& e) {
  if (e.get_exit_code() == 0) return app.exit(e);
  const auto commands = app.get_subcommands();
  const std::string help = commands.empty() ? "" : " " + commands.front()->get_name();
  return complain({Errc::kInvalid, std::string(e.what()) + "; see fedqat-sim" + help + " --help"});
}

// Results that did not arrive are no success: a full disk behind a redirection.
int end_output(int code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  const int refused = complain({Errc::kIo,
                                "stdout: could not be written; free some space, or send it "
                                "elsewhere"});
  return code == kExitOk ? refused : code;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app("Federated quantization-aware training of virtual clients on one machine.",
               "fedqat-sim");
  app.footer(kFooter);
  app.set_version_flag("--version", "fedqat-sim " FEDQAT_VERSION);
  app.require_subcommand(1);
  int code = kExitOk;
  const auto fs = make_posix_fs();
  const SteadyClock clock;

  RunOptions run;
  CLI::App* command = app.add_subcommand("run", "Trains one federation and writes its report");
  add_run(*command, run);
  command->add_flag("--fp32-twin", run.fp32_twin,
                    "Trains the same federation in fp32 too, and compares");
  command->footer(
      "Examples:\n  fedqat-sim run configs/quickstart.toml --out first-run --fp32-twin\n  "
      "fedqat-sim run configs/quickstart.toml --seed 2 --set client.batch=64");
  command->callback([&] { code = run_command(run, *fs, clock); });

  RunOptions compare;
  command = app.add_subcommand("compare", "Trains it by several techniques, side by side");
  add_run(*command, compare);
  command->footer("Examples:\n  fedqat-sim compare configs/quickstart.toml --set compare.seeds=5");
  command->callback([&] { code = compare_command(compare, *fs, clock); });

  ReportOptions report;
  command = app.add_subcommand("report", "Makes one page about one or more runs");
  command->add_option("runs", report.runs, "Folders of runs, or their report.json")
      ->type_name("RUN")
      ->required();
  command->add_option("--out", report.out, "HTML file to write")
      ->type_name("FILE")
      ->check(not_empty);
  command->footer("Examples:\n  fedqat-sim report first-run second-run --out both.html");
  command->callback([&] { code = report_command(report, *fs); });

  PartitionOptions partition;
  command = app.add_subcommand("partition", "Shows which client holds which data");
  add_input(*command, partition.input);
  command->add_option("--show", partition.show, "Number of clients to list")
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--json", partition.json, "Prints JSON");
  command->footer(
      "Examples:\n  fedqat-sim partition configs/quickstart.toml --set partition.alpha=0.1");
  command->callback([&] { code = partition_command(partition, *fs); });

  command = app.add_subcommand("config", "Prints every key of a config with its documentation");
  command->footer("Examples:\n  fedqat-sim config > my.toml");
  command->callback([&] { code = config_command(); });

  if (is_unknown_command(app, argc, argv)) return refuse_command(app, argv[1]);
  if (auto r = check_isa_env(); !r) return complain(r.error());
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return end_parse(app, e);
  }
  return code;
}

}  // namespace
}  // namespace fedqat

int main(int argc, char** argv) {
  try {
    fedqat::catch_interrupts();
    return fedqat::end_output(fedqat::parse_and_run(argc, argv));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "fedqat-sim: %s\n", e.what());
    return fedqat::kExitFailed;
  }
}
