// Who is asked to take part in a round.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "coordinator/round.h"

namespace fedqat {

// Who can be counted on. A client that was invited to a round and did not deliver is absent until
// it is heard of again; barred ones (revoked, quarantined) are never asked.
struct Attendance {
  std::uint32_t clients = 0;  // of the run: 0 .. clients - 1
  std::set<ClientId> absent;
  std::set<ClientId> barred;

  std::uint32_t eligible() const { return clients - static_cast<std::uint32_t>(barred.size()); }
  bool operator==(const Attendance&) const = default;
};

// ceil(share n) as written in decimals: 0.55 * 100 is a little above 55 in binary.
std::uint32_t share_of(double share, std::uint32_t n);

// The first `count` eligible clients, those present before the absent ones, each in the round's
// random order, which depends on seed and round alone: a greater count adds clients and keeps those
// there were. O(clients).
std::vector<ClientId> choose_cohort(std::uint64_t seed, std::uint32_t round,
                                    const Attendance& attendance, std::uint32_t count);

}  // namespace fedqat
