// Files as a bad disk leaves them.
#pragma once

#include <cstddef>
#include <vector>

#include "common/base/bytes.h"

namespace fedqat {

// `good` with a bit flipped in each byte, and cut to each shorter length.
inline std::vector<Bytes> damaged(const Bytes& good) {
  std::vector<Bytes> all;
  for (std::size_t i = 0; i < good.size(); ++i) {
    all.push_back(good);
    all.back()[i] ^= std::byte(1 << i % 8);
    all.emplace_back(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return all;
}

}  // namespace fedqat
