// What a seed stands for: the run, and how much goes wrong in it.
#pragma once

#include <cstdint>
#include <string>

#include "common/store/database.h"
#include "common/wire/config.pb.h"
#include "common/wire/network_spec.h"

namespace fedqat::dst {

enum class Mode : std::uint8_t {
  kMixed,   // by the seed
  kOneHot,  // every update shows in the sum how often it was counted; quorums, late updates
  kModel,   // every device takes part in every round: the model must be that of an undisturbed run
};

struct Options {
  Mode mode = Mode::kMixed;
  Synchronous synchronous = Synchronous::kFull;
  bool verbose = false;
  std::string failpoint;  // the process (of device or coordinator) that passes it stops, often
};

struct Plan {
  std::uint64_t seed = 0;
  Mode mode = Mode::kOneHot;
  std::uint32_t clients = 3;
  int side = 4;  // of the input
  wire::Config config;
  NetworkSpec network;
  bool signs = false;   // manifests
  bool audits = false;  // keeps an audit log
  double lost = 0, duplicated = 0, flipped = 0, probed = 0;
  double stopped = 0;           // at a failpoint that is passed
  std::int64_t calm_at_ms = 0;  // nothing goes wrong any more from then on
  std::int64_t fault_every_ms = 1;
  std::int64_t done_by_ms = 0;  // or it hangs
  double slow_share = 0;
  std::uint64_t segment_growth = 0;
  bool hostile = false;  // device 0 often sends updates that are wrong, until it is not heard
  bool revokes = false;  // device 1 is revoked on the way
  bool late = false;     // the last device is enrolled on the way
};

Plan make_plan(std::uint64_t seed, const Options& options);

}  // namespace fedqat::dst
