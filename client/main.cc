// fedqat-client: trains on a device's own data for a coordinator.
#include "client/cli/commands.h"
#include "common/cli/command_line.h"
#include "common/cli/program.h"

namespace fedqat {
namespace {

constexpr const char* kFooter = R"(
Examples:
  fedqat-client enroll --server fl.example.org:7444 --token fq1....
  fedqat-client run --data /srv/images --set data.name=idx
  fedqat-client run configs/quickstart.toml --shard
  fedqat-client doctor
  fedqat-client bench
  fedqat-client eval model.fedqat --config configs/quickstart.toml
  fedqat-client run my.toml --set duty.hours=22-6 --set duty.upload_kbit_s=500

Exit codes:
  0 ok: the run is finished, or SIGTERM ended it    1 failed: refused, revoked, no connection
  2 wrong usage or config    3 data, state or model missing or damaged    130 Ctrl-C

Environment:
  FEDQAT_STATE  the device's folder, instead of ~/.fedqat
  FEDQAT_DATA   folder of data sets    FEDQAT_ISA  scalar, avx2 or avx512vnni at most
)";

void add_state(CLI::App& command, std::filesystem::path& state) {
  state = default_state_dir();
  command.add_option("--state", state, "The device's folder; default: $FEDQAT_STATE or ~/.fedqat")
      ->type_name("DIR")
      ->check(not_empty);
}

void add_optional_input(CLI::App& command, InputOptions& input) {
  add_config(command, input)->check(not_empty);
  add_input_changes(command, input);
}

// The number of an instruction set's name; what is none is refused with the names.
std::string isa_number(const std::string& text) {
  std::string names;
  for (int i = 0; i <= static_cast<int>(Isa::kAvx512Vnni); ++i) {
    const auto name = std::string(isa_name(static_cast<Isa>(i)));
    if (name == text) return std::to_string(i);
    names += (names.empty() ? "" : ", ") + name;
  }
  throw CLI::ValidationError("'" + text + "' is no instruction set; use one of " + names);
}

void add_enroll(Program& program) {
  auto [command, enroll] = program.add<EnrollOptions>(
      "enroll", "Gets this device its certificate, once", enroll_command);
  add_state(command, enroll.state);
  command.add_option("--server", enroll.server, "The coordinator's enrolment port")
      ->type_name("HOST:PORT")
      ->required();
  command.add_option("--token", enroll.token, "From its operator; a secret; - reads it from stdin")
      ->type_name("TOKEN")
      ->required();
  command.add_option("--name", enroll.name, "Name in its certificate, if not the host's")
      ->type_name("NAME")
      ->check(not_empty);
  command
      .add_option("--port", enroll.port,
                  "Port for devices as seen from here, where it is not what the coordinator says")
      ->type_name("N")
      ->check(CLI::Range(1, 65535));
  command.footer(
      "The key is made here and never leaves this device. An interrupted enrolment is repeated "
      "with the same token.\nExamples:\n"
      "  fedqat-client enroll --server fl.example.org:7444 --token fq1....\n"
      "  fedqat-client enroll --server 10.0.0.5:7444 --name fl.example.org --token - <token.txt");
}

void add_run(Program& program) {
  auto [command, run] = program.add<RunOptions>(
      "run", "Trains and sends updates until the run is finished", run_command);
  add_state(command, run.state);
  add_optional_input(command, run.input);
  command.add_flag("--shard", run.shard,
                   "Trains on what [partition] gives to this device's number; for demonstrations");
  command.add_flag("--once", run.once, "Ends after one update that counts");
  command.add_flag("--quiet", run.quiet, "Prints errors and the last line only");
  command.footer(
      "Without CONFIG the network comes from the coordinator, and [data] and [duty] are as --set "
      "says.\nSIGTERM and Ctrl-C stop it within seconds; the next `run` goes on there. A second "
      "one ends it at once.\nExamples:\n"
      "  fedqat-client run --data /srv/images --set data.name=idx\n"
      "  fedqat-client run configs/quickstart.toml --shard --once");
}

void add_eval(Program& program) {
  auto [command, eval] = program.add<EvalOptions>(
      "eval", "Accuracy and loss of a model.fedqat on the test set", eval_command);
  command.add_option("model", eval.model, "The model")
      ->type_name("MODEL")
      ->required()
      ->check(not_empty);
  add_input_changes(command, eval.input);
  add_backend(command, eval.input);
  command.add_option("--config", eval.input.config, "TOML file, for [data]")
      ->type_name("CONFIG")
      ->check(not_empty);
  add_json(command, eval.json);
  command.footer(
      "Examples:\n  fedqat-client eval model.fedqat --config configs/quickstart.toml\n"
      "  fedqat-client eval model.fedqat --set data.name=mnist --data /srv/mnist");
}

void add_bench(Program& program) {
  auto [command, bench] = program.add<BenchOptions>(
      "bench", "How fast one core of this device trains and runs networks", bench_command);
  add_optional_input(command, bench.input);
  command.add_option("--model", bench.models, "Networks of the zoo: NAME[@INPUT[:CLASSES]],...")
      ->type_name("NAME,...")
      ->delimiter(',')
      ->take_all()
      ->allow_extra_args(false)
      ->check(not_empty);
  add_backend(command, bench.input);
  command
      .add_option("--threads", bench.threads,
                  "Measures training in integers with so many threads, too; duty.threads")
      ->type_name("N")
      ->check(whole_number("duty", "threads"));
  command.add_option("--batch", bench.batch, "Samples in a step, instead of client.batch")
      ->type_name("N")
      ->check(whole_number("client", "batch"));
  command
      .add_option("--isa", bench.isas, "Instruction sets to measure one after the other; the best")
      ->type_name("ISA,...")
      ->delimiter(',')
      ->take_all()
      ->allow_extra_args(false)
      ->transform(isa_number);
  command.add_option("--repeat", bench.repeats, "Repeats that mean and deviation are over; 5")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  command.add_option("--seconds", bench.seconds, "Length of a repeat; 0.2")
      ->type_name("S")
      ->check(CLI::Range(0.001, 60.0));
  command.add_flag("--synthetic", bench.synthetic, "Takes noise where the data are not there");
  add_json(command, bench.json);
  auto* json = command.get_option("--json");
  auto* markdown = command.add_flag("--md", bench.markdown, "Prints a Markdown table");
  auto* csv = command.add_flag("--csv", bench.csv, "Prints CSV");
  json->excludes(markdown)->excludes(csv);
  markdown->excludes(csv);
  command.footer(
      "With CONFIG its network and data are measured, without it six networks on noise; [quant] "
      "and [client] apply to both.\nColumns: mean and deviation over the repeats, in time of the "
      "processor, with several threads in seconds; operations are 2 "
      "a MAC forward and 6 in training, less the gradient of the first layer's input; of peak: "
      "of what this core's multiply instruction does in registers, measured, times threads, fp32 "
      "or "
      "int8 as the row; memory: heap that network, trainer and update take. docs/performance.md "
      "says more.\n"
      "Examples:\n"
      "  fedqat-client bench\n"
      "  fedqat-client bench --model lenet5,mlp-64@561:6 --batch 16 --md\n"
      "  fedqat-client bench --model cifar-cnn --isa scalar,avx2 --repeat 10 --csv\n"
      "  fedqat-client bench --model cifar-cnn,ds-cnn --threads 4\n"
      "  fedqat-client bench configs/mnist-lenet5.toml --synthetic");
}

void add_doctor(Program& program) {
  auto [command, doctor] = program.add<DoctorOptions>(
      "doctor", "Looks for what would keep this device from working", doctor_command);
  add_state(command, doctor.state);
  add_optional_input(command, doctor.input);
  add_json(command, doctor.json);
  command.footer(
      "Exit code 1 if anything fails.\nExamples:\n  fedqat-client doctor\n"
      "  fedqat-client doctor configs/quickstart.toml --json");
}

void add_commands(Program& program) {
  add_enroll(program);
  add_run(program);
  add_eval(program);
  add_bench(program);
  add_doctor(program);
}

}  // namespace
}  // namespace fedqat

int main(int argc, char** argv) {
  return fedqat::run_program(
      {"fedqat-client", "Trains a quantized network on this device's data, for a coordinator.",
       fedqat::kFooter},
      fedqat::add_commands, argc, argv);
}
