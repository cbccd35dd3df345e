// Trains what the rows of a comparison need, each training once a seed, several at the same time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/data/dataset.h"
#include "common/nn/packed_model.h"
#include "sim/compare_rows.h"
#include "sim/predictions.h"
#include "sim/run_report.h"

namespace fedqat {

// Called after every round of every run, by one thread at a time; `what` is such as
// "qat W4A4, seed 2". false stops all runs.
using OnCompareRound = std::function<bool(const std::string& what, const RunReport& so_far,
                                          std::uint32_t total_rounds)>;

// One row with one seed.
struct RowResult {
  Predictions predictions;  // of the test set
  std::uint64_t model_bytes = 0;
  std::uint64_t bytes_up = 0;  // of the run that was trained for it
  std::uint64_t bytes_down = 0;
  std::uint32_t rounds = 0;
  std::optional<PackedModel> model;  // of the first seed that is finished, for latencies
};

struct CompareRuns {
  std::vector<std::vector<std::optional<RowResult>>> results;  // [rows][seeds]; empty: not finished
  std::optional<RunReport> first;                              // of the first run that is finished
  bool complete = false;                                       // false: stopped by on_round
};

struct CompareSize {
  std::size_t runs = 0;
  std::uint64_t rounds = 0;  // of all runs
};
CompareSize compare_size(const std::vector<PlannedRow>& rows, std::uint32_t seeds);

// `threads` in all (0: one a core): as many runs at the same time, with one thread each, or fewer
// with more. At most so many federations are in memory. Results do not depend on it. Codes of
// run_federation(); an error ends all runs.
Result<CompareRuns> run_rows(const std::vector<PlannedRow>& rows, std::uint32_t seeds,
                             std::uint32_t threads, const DataSplit& data,
                             const OnCompareRound& on_round);

}  // namespace fedqat
