// Error feedback: what a codec leaves out of an update is added to the next one (Seide et al.,
// 1-Bit Stochastic Gradient Descent, Interspeech 2014; Stich et al., arXiv:1809.07599).
#pragma once

#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/codec/update_codec.h"

namespace fedqat {

// Is there a tensor whose codec leaves something out (kSparse)?
bool feeds_back(const UpdateGrid& grid);

// Adds memory to delta, both of the grid's values, for such tensors.
void add_memory(const UpdateGrid& grid, std::span<const float> memory, std::span<float> delta);

// The memory after this update: delta (with the memory before) less what the coordinator reads from
// the payload that was encoded from it; 0 for other tensors.
std::vector<float> left_out(const UpdateGrid& grid, std::span<const float> delta, ByteView payload);

}  // namespace fedqat
