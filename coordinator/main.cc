// fedqat-coordinator: serves a federation to devices.
#include "common/cli/command_line.h"
#include "common/cli/program.h"
#include "coordinator/cli/commands.h"

namespace fedqat {
namespace {

constexpr const char* kFooter = R"(
Examples:
  fedqat-coordinator init --state /var/lib/fedqat --name fl.example.org
  fedqat-coordinator enroll --state /var/lib/fedqat --server fl.example.org:7444 sensor-17
  fedqat-coordinator serve --state /var/lib/fedqat configs/quickstart.toml
  fedqat-coordinator status --state /var/lib/fedqat
  fedqat-coordinator revoke --state /var/lib/fedqat sensor-17 --reason stolen

Exit codes:
  0 ok    1 failed    2 wrong usage or config    3 data, state or model missing or damaged

Environment:
  FEDQAT_DATA  folder of data sets    FEDQAT_ISA  scalar, avx2 or avx512vnni at most
)";

void add_state_dir(CLI::App& command, StateOption& state) {
  command.add_option("--state", state.dir, "The coordinator's folder")
      ->type_name("DIR")
      ->required()
      ->check(not_empty);
}

void add_state(CLI::App& command, StateOption& state) {
  add_state_dir(command, state);
  add_json(command, state.json);
}

void add_run_option(CLI::App& command, RunOption& run) {
  add_state(command, run.state);
  command.add_option("--run", run.run, "First digits of the run; default: the newest")
      ->type_name("RUN")
      ->check(not_empty);
}

void add_init(Program& program) {
  auto [command, init] =
      program.add<InitOptions>("init", "Makes the state folder: authority, keys", init_command);
  add_state(command, init.state);
  command
      .add_option("--name", init.names,
                  "Host name or address under which devices reach this server; may be repeated")
      ->type_name("NAME")
      ->required()
      ->check(not_empty);
  command.add_option("--authority", init.name, "Name of the certificate authority")
      ->type_name("TEXT")
      ->capture_default_str();
  command.footer(
      "Examples:\n  fedqat-coordinator init --state state --name fl.example.org --name 10.0.0.5");
}

void add_serve(Program& program) {
  auto [command, serve] = program.add<ServeCommandOptions>(
      "serve", "Runs the federation of a config; goes on where it was", serve_command);
  add_state_dir(command, serve.state);
  add_input(command, serve.input);
  command.add_flag("--exit-when-done", serve.exit_when_done, "Ends soon after the last round");
  command.footer(
      "SIGTERM ends it within 10 s, in the middle of a round if need be; the next start goes on "
      "there.\nSIGHUP reads certificates and config again.\nExamples:\n"
      "  fedqat-coordinator serve --state state configs/quickstart.toml\n"
      "  fedqat-coordinator serve --state state my.toml --set deploy.port=8443");
}

void add_enroll(Program& program) {
  auto [command, enroll] = program.add<EnrollOptions>(
      "enroll", "Makes tokens with which devices get a certificate", enroll_command);
  add_state(command, enroll.state);
  command.add_option("device", enroll.devices, "Names of devices")->type_name("DEVICE")->required();
  command
      .add_option("--server", enroll.server, "HOST:PORT of the enrolment port, as devices reach it")
      ->type_name("HOST:PORT")
      ->required();
  command.add_option("--hours", enroll.hours, "How long a token is good")
      ->type_name("N")
      ->check(CLI::Range(0.01, 8760.0))
      ->capture_default_str();
  command.footer(
      "Examples:\n  fedqat-coordinator enroll --state state --server fl.example.org:7444 "
      "sensor-17 sensor-18");
}

void add_devices(Program& program) {
  auto [command, devices] = program.add<DevicesOptions>(
      "devices", "Lists devices, or releases one from quarantine", devices_command);
  add_state(command, devices.state);
  command.add_option("--release", devices.release, "Takes this device out of quarantine")
      ->type_name("DEVICE")
      ->check(not_empty);
}

void add_revoke(Program& program) {
  auto [command, revoke] =
      program.add<RevokeOptions>("revoke", "Shuts a device out for good", revoke_command);
  add_state(command, revoke.state);
  command.add_option("device", revoke.device, "Its name")->type_name("DEVICE")->required();
  command.add_option("--reason", revoke.reason, "For the audit log")->type_name("TEXT");
}

void add_runs(Program& program) {
  auto [command, runs] =
      program.add<StateOption>("runs", "Lists the runs of a state folder", runs_command);
  add_state(command, runs);
}

void add_status(Program& program) {
  auto [command, status] =
      program.add<RunOption>("status", "Shows how far a run is", status_command);
  add_run_option(command, status);
}

void add_export(Program& program) {
  auto [command, exported] = program.add<RunOption>(
      "export", "Writes a run's model as it would be deployed", export_command);
  add_run_option(command, exported);
  command.add_option("--out", exported.out, "File to write")
      ->type_name("FILE")
      ->required()
      ->check(not_empty);
}

void add_inspect(Program& program) {
  auto [command, inspect] = program.add<InspectOptions>(
      "inspect", "Checks a model.fedqat and shows what is in it", inspect_command);
  command.add_option("file", inspect.file, "The model")->type_name("FILE")->required();
  add_json(command, inspect.json);
}

void add_audit(Program& program) {
  CLI::App& audit = program.add_group("audit", "The log of who did what");
  auto [command, verify] = program.add_to<StateOption>(
      audit, "verify", "Proves that no line was changed or removed", audit_verify_command);
  add_state(command, verify);
}

void add_commands(Program& program) {
  add_init(program);
  add_serve(program);
  add_enroll(program);
  add_devices(program);
  add_revoke(program);
  add_runs(program);
  add_status(program);
  add_export(program);
  add_inspect(program);
  add_audit(program);
}

}  // namespace
}  // namespace fedqat

int main(int argc, char** argv) {
  return fedqat::run_program(
      {"fedqat-coordinator", "Coordinates devices that train one quantized network together.",
       fedqat::kFooter},
      fedqat::add_commands, argc, argv);
}
