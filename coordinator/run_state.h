// A run between two rounds: everything that the rounds to come depend on, besides the config. What
// a restarted coordinator goes on from.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/sha256.h"
#include "common/nn/model_state.h"
#include "common/wire/messages.h"
#include "coordinator/cohort.h"

namespace fedqat {

struct RoundSummary {
  std::uint32_t round = 0;
  Phase phase = Phase::kFloat;
  std::uint32_t invited = 0;     // clients of the cohort, extensions included
  std::uint32_t tasked = 0;      // of these, took the task
  std::uint32_t aggregated = 0;  // updates in the sum
  std::uint32_t stale = 0;       // of these, trained on an older model
  std::uint32_t refused = 0;     // uploads refused
  std::uint32_t attempts = 1;
  std::uint64_t samples_seen = 0;  // by the aggregated clients, epochs included
  double mean_loss = 0;            // over samples_seen
  double clipped_share = 0;        // of the codes sent
  std::int64_t opened_ms = 0;
  std::int64_t closed_ms = 0;

  std::int64_t duration_ms() const { return closed_ms - opened_ms; }
};

// A closed round that still answers uploads.
struct EarlierRound {
  std::uint32_t round = 0;
  std::vector<float> ranges;  // GridPlanner::state() when it was opened
  std::vector<std::pair<ClientId, Digest>> delivered;
  std::vector<ClientId> missing;  // invited, without an accepted update

  bool operator==(const EarlierRound&) const = default;
};

struct RunState {
  std::uint64_t run = 0;
  Digest config_hash{};
  std::uint32_t rounds_done = 0;
  Attendance attendance;
  ModelState model;
  std::vector<float> strategy;        // all spans of Strategy::state(), one after the other
  std::vector<float> ranges;          // GridPlanner::state()
  std::vector<float> held;            // Publisher::held() of the round
  RoundSummary last;                  // of round rounds_done
  std::vector<EarlierRound> earlier;  // the oldest first
};

// A run is known by its config: the first 8 bytes of config_hash(), as this machine's integer.
std::uint64_t run_number(const Digest& config_hash);

// Same state, same bytes. Times of `last` are kept as a duration only. docs/formats.md.
Bytes encode_run_state(const RunState& state);
// kCorrupt: not such bytes, or their SHA-256 is wrong. What depends on the network is for the
// caller to check.
Result<RunState> decode_run_state(ByteView bytes);

}  // namespace fedqat
