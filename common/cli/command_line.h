// What the three programs' command lines have in common, around CLI11.
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

// CONFIG, --seed, --data and --set.
void add_input(CLI::App& command, InputOptions& input);

// Parses, which runs the chosen command's callback; refuses an unknown command with the nearest
// name. Returns kExitOk, or the code of a complaint already made.
int parse_command_line(CLI::App& app, int argc, char** argv);

// `code`, unless stdout could not be written: results that did not arrive are no success.
int end_output(int code);

}  // namespace fedqat
