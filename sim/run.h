// One simulated federation from a config to a model and its report.
#pragma once

#include <functional>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/data/dataset.h"
#include "common/nn/model_state.h"
#include "common/nn/packed_model.h"
#include "common/wire/config.pb.h"
#include "sim/run_report.h"

namespace fedqat {

struct RunOutcome {
  RunReport report;
  PackedModel model;
  Bytes model_file;  // model.fedqat; its SHA-256 is report.model_sha256
  ModelState state;  // fp32 master parameters (compare's PTQ starts from the fp32 run's)
};

// What run_federation() refuses before its first round, found without running it. kInvalid and the
// codes of partition_from_config().
Result<void> check_federation(const wire::Config& config, const DataSplit& data);

// Called after every round with the report so far; false stops the run early (Ctrl-C), which then
// ends normally with the rounds done.
using OnRound = std::function<bool(const RunReport& so_far, std::uint32_t total_rounds)>;

// Deterministic: outcome.model_file depends on config (sim.threads excepted) and data alone.
Result<RunOutcome> run_federation(const wire::Config& config, const DataSplit& data,
                                  const OnRound& on_round);

}  // namespace fedqat
