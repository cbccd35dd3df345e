#include "coordinator/cohort.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "common/base/rng.h"

namespace fedqat {

std::uint32_t share_of(double share, std::uint32_t n) {
  const auto whole = static_cast<double>(n);
  return static_cast<std::uint32_t>(std::ceil(share * whole - 1e-9 * whole));
}

std::vector<ClientId> choose_cohort(std::uint64_t seed, std::uint32_t round,
                                    const Attendance& attendance, std::uint32_t count) {
  std::vector<std::tuple<bool, std::uint64_t, ClientId>> order;
  order.reserve(attendance.clients);
  for (ClientId c = 0; c < attendance.clients; ++c) {
    if (attendance.barred.contains(c)) continue;
    order.emplace_back(attendance.absent.contains(c),
                       Rng({seed, round, c, Purpose::kSample}).next_u64(), c);
  }
  const auto end = order.begin() + std::min<std::ptrdiff_t>(count, std::ssize(order));
  std::nth_element(order.begin(), end, order.end());
  std::sort(order.begin(), end);
  std::vector<ClientId> chosen;
  for (auto o = order.begin(); o != end; ++o) chosen.push_back(std::get<ClientId>(*o));
  return chosen;
}

}  // namespace fedqat
