// fedqat-sim: federations of virtual clients on one machine.
#include <cstdio>
#include <exception>
#include <string>

#include "common/base/isa.h"
#include "common/cli/command_line.h"
#include "common/cli/exit_code.h"
#include "sim/cli/commands.h"
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

  if (auto r = check_isa_env(); !r) return complain(r.error());
  const int parsed = parse_command_line(app, argc, argv);
  return parsed == kExitOk ? code : parsed;
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
