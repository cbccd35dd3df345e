// The frame of a program with commands: --help, --version, what is wrong usage, exit codes.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/base/fs.h"

namespace fedqat {

struct ProgramText {
  const char* name;
  const char* about;   // one sentence
  const char* footer;  // of --help
};

template <class Options>
struct Command {
  CLI::App& line;    // takes the declarations
  Options& options;  // what they fill; lives as long as the Program
};

class Program {
 public:
  explicit Program(const ProgramText& text);

  // `action` gets the options, and the Fs if it takes one, when the command is chosen; it returns
  // the exit code.
  template <class Options, class Run>
  Command<Options> add(const char* name, const char* about, Run action) {
    return add_to<Options>(app_, name, about, std::move(action));
  }
  // The command "group name".
  template <class Options, class Run>
  Command<Options> add_to(CLI::App& group, const char* name, const char* about, Run action) {
    auto options = std::make_shared<Options>();
    CLI::App* line = group.add_subcommand(name, about);
    line->callback([this, action = std::move(action), options] {
      if constexpr (std::is_invocable_v<Run, const Options&, Fs&>) {
        code_ = action(*options, *fs_);
      } else {
        code_ = action(*options);
      }
    });
    return {*line, *options};
  }
  CLI::App& add_group(const char* name, const char* about);

  // Parses, which runs the chosen command; refuses an unknown one with the nearest name.
  int run(int argc, char** argv);

 private:
  CLI::App app_;
  std::unique_ptr<Fs> fs_;
  int code_;
};

// All of main(): `declare` adds the commands. Returns the exit code; results that could not be
// written to stdout are no success, and an exception is a failure with its text.
int run_program(const ProgramText& text, const std::function<void(Program&)>& declare, int argc,
                char** argv);

}  // namespace fedqat
