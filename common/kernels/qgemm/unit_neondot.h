// The dot product of ARMv8.2: four s8 by four s8, added into s32. Unsigned codes enter as code -
// 128.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace fedqat::kernels {
namespace {

constexpr int kStep = 4;
using Code = std::int8_t;
constexpr bool kConvertRows = true;
constexpr int kShift = 128;  // taken from unsigned codes

using Column = int8x16_t;

inline Column load_row(const std::int8_t* p) {
  std::int32_t step;
  std::memcpy(&step, p, sizeof step);
  return vreinterpretq_s8_s32(vdupq_n_s32(step));
}
inline Column load_column(const std::int8_t* p) { return vld1q_s8(p); }
inline int32x4_t dot(int32x4_t sum, Column row, Column column) {
  return vdotq_s32(sum, row, column);
}

#include "common/kernels/qgemm/tile_neon.inc"

}  // namespace
}  // namespace fedqat::kernels
