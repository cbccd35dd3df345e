#include "coordinator/cohort.h"

#include <algorithm>
#include <utility>

#include "common/base/rng.h"

namespace fedqat {

std::vector<ClientId> choose_cohort(std::uint64_t seed, std::uint32_t round, std::uint32_t clients,
                                    std::uint32_t count) {
  count = std::min(count, clients);
  std::vector<std::pair<std::uint64_t, ClientId>> order(clients);
  for (ClientId c = 0; c < clients; ++c) {
    order[c] = {Rng({seed, round, c, Purpose::kSample}).next_u64(), c};
  }
  std::nth_element(order.begin(), order.begin() + count, order.end());
  std::sort(order.begin(), order.begin() + count);
  std::vector<ClientId> chosen;
  for (std::uint32_t i = 0; i < count; ++i) chosen.push_back(order[i].second);
  return chosen;
}

}  // namespace fedqat
