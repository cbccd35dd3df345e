// Who is asked to take part in a round.
#pragma once

#include <cstdint>
#include <vector>

#include "coordinator/round.h"

namespace fedqat {

// The first `count` of all clients in the round's random order, which depends on seed and round
// alone: a greater count adds clients and keeps those there were. O(clients).
std::vector<ClientId> choose_cohort(std::uint64_t seed, std::uint32_t round, std::uint32_t clients,
                                    std::uint32_t count);

}  // namespace fedqat
