// Progress of a comparison on stderr: one bar over all rounds of all runs.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "common/base/clock.h"
#include "common/cli/terminal.h"
#include "sim/compare_runs.h"
#include "sim/run_report.h"

namespace fedqat {

// Plain lines come every hundredth of the rounds and at the end of each run. Not thread-safe.
class CompareProgress {
 public:
  CompareProgress(std::FILE* out, const Terminal& terminal, const Clock& clock,
                  const CompareSize& size, bool quiet);
  ~CompareProgress();  // leaves the cursor on a fresh line
  CompareProgress(const CompareProgress&) = delete;
  CompareProgress& operator=(const CompareProgress&) = delete;

  // After each round of a run: "round 37/270  run 3/9  8 s left  qat W4A4, seed 2: 95.83 %", where
  // runs are those that are finished.
  void round(const std::string& what, const RunReport& so_far, std::uint32_t total);

 private:
  std::FILE* out_;
  Terminal terminal_;
  const Clock& clock_;
  CompareSize size_;
  bool quiet_;
  bool drawn_ = false;
  std::int64_t start_ms_;
  std::uint64_t rounds_ = 0;
  std::size_t runs_ = 0;
};

}  // namespace fedqat
