// fedqat-coordinator: serves a federation to devices.
#include <cstdio>
#include <exception>

#include "common/base/isa.h"
#include "common/cli/command_line.h"
#include "common/cli/exit_code.h"
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

void add_state(CLI::App& command, StateOption& state) {
  command.add_option("--state", state.dir, "The coordinator's folder")
      ->type_name("DIR")
      ->required()
      ->check(not_empty);
  command.add_flag("--json", state.json, "Prints JSON");
}

void add_run_option(CLI::App& command, RunOption& run) {
  add_state(command, run.state);
  command.add_option("--run", run.run, "First digits of the run; default: the newest")
      ->type_name("RUN")
      ->check(not_empty);
}

int parse_and_run(int argc, char** argv) {
  CLI::App app("Coordinates devices that train one quantized network together.",
               "fedqat-coordinator");
  app.footer(kFooter);
  app.set_version_flag("--version", "fedqat-coordinator " FEDQAT_VERSION);
  app.require_subcommand(1);
  int code = kExitOk;
  const auto fs = make_posix_fs();

  InitOptions init;
  CLI::App* command = app.add_subcommand("init", "Makes the state folder: authority, keys");
  add_state(*command, init.state);
  command
      ->add_option("--name", init.names,
                   "Host name or address under which devices reach this server; may be repeated")
      ->type_name("NAME")
      ->required()
      ->check(not_empty);
  command->add_option("--authority", init.name, "Name of the certificate authority")
      ->type_name("TEXT")
      ->capture_default_str();
  command->footer(
      "Examples:\n  fedqat-coordinator init --state state --name fl.example.org --name 10.0.0.5");
  command->callback([&] { code = init_command(init); });

  ServeCommandOptions serve;
  command = app.add_subcommand("serve", "Runs the federation of a config; goes on where it was");
  command->add_option("--state", serve.state.dir, "The coordinator's folder")
      ->type_name("DIR")
      ->required()
      ->check(not_empty);
  add_input(*command, serve.input);
  command->add_flag("--exit-when-done", serve.exit_when_done, "Ends soon after the last round");
  command->footer(
      "SIGTERM ends it within 10 s, in the middle of a round if need be; the next start goes on "
      "there.\nSIGHUP reads certificates and config again.\nExamples:\n"
      "  fedqat-coordinator serve --state state configs/quickstart.toml\n"
      "  fedqat-coordinator serve --state state my.toml --set deploy.port=8443");
  command->callback([&] { code = serve_command(serve, *fs); });

  EnrollOptions enroll;
  command = app.add_subcommand("enroll", "Makes tokens with which devices get a certificate");
  add_state(*command, enroll.state);
  command->add_option("device", enroll.devices, "Names of devices")
      ->type_name("DEVICE")
      ->required();
  command
      ->add_option("--server", enroll.server,
                   "HOST:PORT of the enrolment port, as devices reach it")
      ->type_name("HOST:PORT")
      ->required();
  command->add_option("--hours", enroll.hours, "How long a token is good")
      ->type_name("N")
      ->check(CLI::Range(0.01, 8760.0))
      ->capture_default_str();
  command->footer(
      "Examples:\n  fedqat-coordinator enroll --state state --server fl.example.org:7444 "
      "sensor-17 sensor-18");
  command->callback([&] { code = enroll_command(enroll); });

  DevicesOptions devices;
  command = app.add_subcommand("devices", "Lists devices, or releases one from quarantine");
  add_state(*command, devices.state);
  command->add_option("--release", devices.release, "Takes this device out of quarantine")
      ->type_name("DEVICE")
      ->check(not_empty);
  command->callback([&] { code = devices_command(devices); });

  RevokeOptions revoke;
  command = app.add_subcommand("revoke", "Shuts a device out for good");
  add_state(*command, revoke.state);
  command->add_option("device", revoke.device, "Its name")->type_name("DEVICE")->required();
  command->add_option("--reason", revoke.reason, "For the audit log")->type_name("TEXT");
  command->callback([&] { code = revoke_command(revoke); });

  StateOption runs;
  command = app.add_subcommand("runs", "Lists the runs of a state folder");
  add_state(*command, runs);
  command->callback([&] { code = runs_command(runs, *fs); });

  RunOption status;
  command = app.add_subcommand("status", "Shows how far a run is");
  add_run_option(*command, status);
  command->callback([&] { code = status_command(status, *fs); });

  RunOption exported;
  command = app.add_subcommand("export", "Writes a run's model as it would be deployed");
  add_run_option(*command, exported);
  command->add_option("--out", exported.out, "File to write")
      ->type_name("FILE")
      ->required()
      ->check(not_empty);
  command->callback([&] { code = export_command(exported, *fs); });

  InspectOptions inspect;
  command = app.add_subcommand("inspect", "Checks a model.fedqat and shows what is in it");
  command->add_option("file", inspect.file, "The model")->type_name("FILE")->required();
  command->add_flag("--json", inspect.json, "Prints JSON");
  command->callback([&] { code = inspect_command(inspect, *fs); });

  CLI::App* audit = app.add_subcommand("audit", "The log of who did what");
  audit->require_subcommand(1);
  StateOption verify;
  command = audit->add_subcommand("verify", "Proves that no line was changed or removed");
  add_state(*command, verify);
  command->callback([&] { code = audit_verify_command(verify); });

  if (auto r = check_isa_env(); !r) return complain(r.error());
  const int parsed = parse_command_line(app, argc, argv);
  return parsed == kExitOk ? code : parsed;
}

}  // namespace
}  // namespace fedqat

int main(int argc, char** argv) {
  try {
    return fedqat::end_output(fedqat::parse_and_run(argc, argv));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "fedqat-coordinator: %s\n", e.what());
    return fedqat::kExitFailed;
  }
}
