// The grid that a layer's outputs are rounded to.
#pragma once

#include <cstdint>

namespace fedqat::kernels {

// An output grid, docs/numerics.md: code = clamp(rint(t) + zero, low, high).
struct OutputGrid {
  std::int32_t zero;  // low <= zero <= high unless ReLU lifts low to zero
  std::int32_t low, high;
};

}  // namespace fedqat::kernels
