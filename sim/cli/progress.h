// Progress of a run on stderr: one line drawn over on a terminal, plain lines elsewhere.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "common/base/clock.h"
#include "common/cli/terminal.h"
#include "sim/run_report.h"

namespace fedqat {

// "W8A8  round 12/30  accuracy 96.10 %  loss 0.123  8 s left"; the newest measured accuracy.
std::string progress_text(const std::string& label, const RunReport& so_far, std::uint32_t total,
                          std::int64_t elapsed_ms);

// The same behind a bar, no wider than terminal.columns.
std::string progress_bar(const std::string& label, const RunReport& so_far, std::uint32_t total,
                         std::int64_t elapsed_ms, const Terminal& terminal);

// `text` behind a bar, no wider than terminal.columns.
std::string bar_line(std::string text, std::uint64_t done, std::uint64_t total,
                     const Terminal& terminal);

// "8 s left", "in 2 m 5 s" when all is done, empty when nothing is.
std::string eta_text(std::uint64_t done, std::uint64_t total, std::int64_t elapsed_ms);

// One run. Plain lines come every total/50 rounds, so that logs stay short.
class Progress {
 public:
  Progress(std::FILE* out, const Terminal& terminal, const Clock& clock, std::string label,
           bool quiet);
  ~Progress();  // leaves the cursor on a fresh line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void round(const RunReport& so_far, std::uint32_t total);

 private:
  std::FILE* out_;
  Terminal terminal_;
  const Clock& clock_;
  std::string label_;
  bool quiet_;
  bool drawn_ = false;
  std::int64_t start_ms_;
};

}  // namespace fedqat
