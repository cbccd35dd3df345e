// How fast and how faithful the simulated clients are. All draws are functions of (seed, round,
// client), so nothing depends on the order of events.
#pragma once

#include <cstdint>

#include "common/wire/config.pb.h"
#include "coordinator/round.h"

namespace fedqat {

class Scenario {
 public:
  // macs: of one sample's forward pass.
  Scenario(const wire::SimConfig& config, std::uint64_t seed, std::uint64_t macs);

  // From the opening of a round (or its extension) to the client's check-in: 0..1 s.
  std::int64_t check_in_ms(std::uint32_t round, ClientId who) const;
  // From check-in to the end of the upload: samples trained (epochs included) and bytes moved, at
  // the client's speed. Speeds spread by a factor of about two around a small device's; slow_share
  // of the clients are slow_factor times slower.
  std::int64_t work_ms(ClientId who, std::uint64_t samples, std::uint64_t bytes) const;
  // Does the client fall silent in this attempt at the round?
  bool drops_out(std::uint32_t round, std::uint32_t attempt, ClientId who) const;

 private:
  double dropout_, slow_share_, slow_factor_;
  std::uint64_t seed_;
  double ms_per_sample_;
};

}  // namespace fedqat
