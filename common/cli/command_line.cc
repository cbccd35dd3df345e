#include "common/cli/command_line.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <vector>

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

}  // namespace

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

int parse_command_line(CLI::App& app, int argc, char** argv) {
  if (is_unknown_command(app, argc, argv)) return refuse_command(app, argv[1]);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return end_parse(app, e);
  }
  return kExitOk;
}

// A full disk behind a redirection, most likely.
int end_output(int code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  const int refused = complain({Errc::kIo,
                                "stdout: could not be written; free some space, or send it "
                                "elsewhere"});
  return code == kExitOk ? refused : code;
}

}  // namespace fedqat
