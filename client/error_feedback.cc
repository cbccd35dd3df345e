#include "client/error_feedback.h"

#include <algorithm>

#include "common/base/check.h"

namespace fedqat {

bool feeds_back(const UpdateGrid& grid) {
  return std::any_of(grid.begin(), grid.end(),
                     [](const TensorGrid& g) { return g.codec == UpdateCodec::kSparse; });
}

void add_memory(const UpdateGrid& grid, std::span<const float> memory, std::span<float> delta) {
  FEDQAT_CHECK(memory.size() == delta.size());
  std::size_t at = 0;
  for (const TensorGrid& g : grid) {
    for (std::size_t i = at; i < at + g.size && g.codec == UpdateCodec::kSparse; ++i) {
      delta[i] += memory[i];
    }
    at += g.size;
  }
}

std::vector<float> left_out(const UpdateGrid& grid, std::span<const float> delta,
                            ByteView payload) {
  auto memory = decode_update(grid, payload).value();
  std::size_t at = 0;
  for (const TensorGrid& g : grid) {
    for (std::size_t i = at; i < at + g.size; ++i) {
      memory[i] = g.codec == UpdateCodec::kSparse ? delta[i] - memory[i] : 0;
    }
    at += g.size;
  }
  return memory;
}

}  // namespace fedqat
