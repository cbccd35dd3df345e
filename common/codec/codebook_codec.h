// Weights of few different values, without loss: the values and an entropy-coded index for each.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace fedqat {

// u16 number of entries, 1..256, the entries as binary32 (ascending, finite), then the indices
// (range_coder.h); all little-endian. Nothing when w, finite, takes more than 256 values, or
// when binary32 takes no more bytes. -0 becomes 0.
std::optional<Bytes> encode_codebook(std::span<const float> w);

// Any bytes: `count` weights, or kCorrupt.
Result<std::vector<float>> decode_codebook(ByteView bytes, std::size_t count);

}  // namespace fedqat
