// fedqat-sim: federations of virtual clients on one machine.
#include "common/cli/command_line.h"
#include "common/cli/program.h"
#include "sim/cli/commands.h"
#include "sim/cli/interrupt.h"

namespace fedqat {
namespace {

constexpr const char* kFooter = R"(
Examples:
  fedqat-sim run configs/quickstart.toml --out first-run --fp32-twin
  fedqat-sim run configs/quickstart.toml --seed 2 --set client.batch=64
  fedqat-sim compare configs/quickstart.toml --out comparison
  fedqat-sim bits configs/quickstart.toml --budget-bits 3
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

void add_run_options(CLI::App& command, RunOptions& options) {
  add_input(command, options.input);
  command.add_option("--out", options.out, "Folder for the results, made if it is not there")
      ->type_name("DIR")
      ->check(not_empty);
  command.add_option("--threads", options.input.threads, "Instead of sim.threads; 0: all cores")
      ->type_name("N")
      ->check(whole_number("sim", "threads"));
  add_backend(command, options.input);
  command.add_flag("--json", options.json, "Prints the summary as JSON");
  command.add_flag("-q,--quiet", options.quiet, "No progress");
}

void add_run(Program& program) {
  auto [command, run] = program.add<RunOptions>(
      "run", "Trains one federation and writes its report",
      [](const RunOptions& o, Fs& fs) { return run_command(o, fs, SteadyClock()); });
  add_run_options(command, run);
  command.add_flag("--fp32-twin", run.fp32_twin,
                   "Trains the same federation in fp32 too, and compares");
  command.footer(
      "Examples:\n  fedqat-sim run configs/quickstart.toml --out first-run --fp32-twin\n  "
      "fedqat-sim run configs/quickstart.toml --seed 2 --set client.batch=64");
}

void add_compare(Program& program) {
  auto [command, compare] = program.add<RunOptions>(
      "compare", "Trains it by several techniques, side by side",
      [](const RunOptions& o, Fs& fs) { return compare_command(o, fs, SteadyClock()); });
  add_run_options(command, compare);
  command.footer("Examples:\n  fedqat-sim compare configs/quickstart.toml --set compare.seeds=5");
}

void add_bits(Program& program) {
  auto [command, bits] = program.add<BitsOptions>(
      "bits", "Chooses bits for each layer's weights, under a budget of their size",
      [](const BitsOptions& o, Fs& fs) { return bits_command(o, fs, SteadyClock()); });
  add_input(command, bits.input);
  CLI::Option* kb = command
                        .add_option("--budget-kb", bits.budget_kb,
                                    "Most kB (of 1000 bytes) that the weights may take")
                        ->type_name("X");
  command
      .add_option("--budget-bits", bits.budget_bits,
                  "Most bits a weight may take, on average over all layers")
      ->type_name("B")
      ->excludes(kb);
  command.add_option("--out", bits.out, "Config fragment to write")
      ->type_name("FILE")
      ->check(not_empty);
  command.add_option("--threads", bits.input.threads, "Instead of sim.threads; 0: all cores")
      ->type_name("N")
      ->check(whole_number("sim", "threads"));
  command.add_flag("-q,--quiet", bits.quiet, "No progress");
  command.footer(
      "Trains the config's federation in fp32 and measures, on the clients' calibration samples, "
      "how far its answers move when one layer's weights are rounded to 8, 6, 5, 4, 3 or 2 bits. "
      "Prints the choice with the least sum, for quant.layer_bits; docs/quantization.md says "
      "more.\n"
      "Examples:\n  fedqat-sim bits configs/quickstart.toml --budget-bits 3\n  "
      "fedqat-sim bits configs/mnist-lenet5.toml --data DIR --budget-kb 25 --out bits.toml");
}

void add_report(Program& program) {
  auto [command, report] =
      program.add<ReportOptions>("report", "Makes one page about one or more runs", report_command);
  command.add_option("runs", report.runs, "Folders of runs, or their report.json")
      ->type_name("RUN")
      ->required();
  command.add_option("--out", report.out, "HTML file to write")
      ->type_name("FILE")
      ->check(not_empty);
  command.footer("Examples:\n  fedqat-sim report first-run second-run --out both.html");
}

void add_partition(Program& program) {
  auto [command, partition] = program.add<PartitionOptions>(
      "partition", "Shows which client holds which data", partition_command);
  add_input(command, partition.input);
  command.add_option("--show", partition.show, "Number of clients to list")
      ->type_name("N")
      ->capture_default_str();
  add_json(command, partition.json);
  command.footer(
      "Examples:\n  fedqat-sim partition configs/quickstart.toml --set partition.alpha=0.1");
}

void add_config_command(Program& program) {
  struct None {};
  program
      .add<None>("config", "Prints every key of a config with its documentation",
                 [](const None&) { return config_command(); })
      .line.footer("Examples:\n  fedqat-sim config > my.toml");
}

void add_commands(Program& program) {
  add_run(program);
  add_compare(program);
  add_bits(program);
  add_report(program);
  add_partition(program);
  add_config_command(program);
}

}  // namespace
}  // namespace fedqat

int main(int argc, char** argv) {
  fedqat::catch_interrupts();
  return fedqat::run_program(
      {"fedqat-sim", "Federated quantization-aware training of virtual clients on one machine.",
       fedqat::kFooter},
      fedqat::add_commands, argc, argv);
}
