// Options and checks that the three programs' command lines have in common, around CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "common/cli/inputs.h"

namespace fedqat {

// Checks for CLI::Option::check; an empty string means good.
//
// What the config key `table`.`name` takes, so that an option and its key refuse the same values.
std::function<std::string(const std::string&)> whole_number(const char* table, const char* name);
// An empty name is most likely a shell variable that was not set, and never means the default.
std::string not_empty(const std::string& text);

// CONFIG, which may be left out.
CLI::Option* add_config(CLI::App& command, InputOptions& input);
// --seed, --data and --set.
void add_input_changes(CLI::App& command, InputOptions& input);
// CONFIG, which must be given, --seed, --data and --set.
void add_input(CLI::App& command, InputOptions& input);
// --backend.
void add_backend(CLI::App& command, InputOptions& input);
void add_json(CLI::App& command, bool& json);

}  // namespace fedqat
