#include "common/cli/command_line.h"

#include <charconv>

#include "common/wire/schema.h"

namespace fedqat {

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

CLI::Option* add_config(CLI::App& command, InputOptions& input) {
  return command
      .add_option("config", input.config, "TOML file; `fedqat-sim config` shows its keys")
      ->type_name("CONFIG");
}

void add_input_changes(CLI::App& command, InputOptions& input) {
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

void add_input(CLI::App& command, InputOptions& input) {
  add_config(command, input)->required();
  add_input_changes(command, input);
}

void add_backend(CLI::App& command, InputOptions& input) {
  command.add_option("--backend", input.backend, "Instead of sim.backend: builtin or xnnpack")
      ->type_name("NAME")
      ->check(not_empty);
}

void add_json(CLI::App& command, bool& json) { command.add_flag("--json", json, "Prints JSON"); }

}  // namespace fedqat
