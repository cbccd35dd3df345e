// A round with what its plan gave to the devices: enough to answer them and to read their updates.
#pragma once

#include <optional>
#include <vector>

#include "common/codec/update_codec.h"
#include "common/wire/messages.h"
#include "coordinator/grid_planner.h"
#include "coordinator/round.h"
#include "coordinator/run_state.h"

namespace fedqat {

struct PlannedRound {
  Round round;
  Phase phase = Phase::kFloat;
  LocalTraining training;
  std::vector<float> ranges;  // GridPlanner::state() when it was opened
  UpdateGrid grid;
  Bytes broadcast;  // empty: not kept any more
  Digest broadcast_sha256{};
  std::optional<std::uint64_t> steps_from = {};  // as in Task

  Moving moving() const {
    return {.scales = training.scale_learning_rate > 0,
            .batch_norm = phase != Phase::kQuantized && phase != Phase::kFrozen};
  }
  EarlierRound summary() const {
    return {round.rules().round, ranges, round.delivered(), round.missing()};
  }
};

}  // namespace fedqat
