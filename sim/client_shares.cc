#include "sim/client_shares.h"

#include <algorithm>

namespace fedqat {

std::vector<ClientShare> client_shares(const Partition& partition, const Dataset& train,
                                       std::uint32_t count) {
  std::vector<ClientShare> shares;
  for (std::uint32_t c = 0; c < std::min(count, partition.clients()); ++c) {
    ClientShare share{c, 0, std::vector<std::uint32_t>(static_cast<std::size_t>(train.classes))};
    for (const std::uint32_t i : partition.samples(c)) {
      ++share.samples;
      ++share.per_class[train.labels[i]];
    }
    shares.push_back(std::move(share));
  }
  return shares;
}

}  // namespace fedqat
