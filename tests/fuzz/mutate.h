// Changes an input as fuzzers do.
#pragma once

#include <cstdint>
#include <span>

#include "common/base/bytes.h"
#include "common/base/rng.h"

namespace fedqat {

// seeds[from] with one to eight changes: bits, bytes, numbers at limits, parts removed, repeated or
// taken from another seed. The same rng gives the same bytes.
Bytes mutate(std::span<const Bytes> seeds, std::size_t from, Rng& rng);

}  // namespace fedqat
