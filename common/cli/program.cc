#include "common/cli/program.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>

#include "common/base/isa.h"
#include "common/cli/exit_code.h"
#include "common/wire/schema.h"

namespace fedqat {
namespace {

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
  return complain({Errc::kInvalid, text + "" + app.get_name() + " --help lists the commands"});
}

// CLI11 has a code for every mistake; --help and --version are 0.
int end_parse(const CLI::App& app, const CLI::ParseError& e) {
  if (e.get_exit_code() == 0) return app.exit(e);
  const auto commands = app.get_subcommands();
  const std::string help = commands.empty() ? "" : " " + commands.front()->get_name();
  return complain(
      {Errc::kInvalid, std::string(e.what()) + "; see " + app.get_name() + help + " --help"});
}

// A full disk behind a redirection, most likely.
int end_output(int code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  const int refused = complain({Errc::kIo,
                                "stdout: could not be written; free some space, or send it "
                                "elsewhere"});
  return code == kExitOk ? refused : code;
}

}  // namespace

Program::Program(const ProgramText& text)
    : app_(text.about, text.name), fs_(make_posix_fs()), code_(kExitOk) {
  app_.footer(text.footer);
  app_.set_version_flag("--version", std::string(text.name) + " " FEDQAT_VERSION);
  app_.require_subcommand(1);
}

CLI::App& Program::add_group(const char* name, const char* about) {
  CLI::App* group = app_.add_subcommand(name, about);
  group->require_subcommand(1);
  return *group;
}

int Program::run(int argc, char** argv) {
  if (auto r = check_isa_env(); !r) return complain(r.error());
  if (is_unknown_command(app_, argc, argv)) return refuse_command(app_, argv[1]);
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return end_parse(app_, e);
  }
  return code_;
}

int run_program(const ProgramText& text, const std::function<void(Program&)>& declare, int argc,
                char** argv) {
  try {
    Program program(text);
    declare(program);
    return end_output(program.run(argc, argv));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", text.name, e.what());
    return kExitFailed;
  }
}

}  // namespace fedqat
