// NEON of every 64-bit ARM: products of s8 fit in s16, and vpadal adds pairs of them into s32.
// Unsigned codes enter as code - 128.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace fedqat::kernels {
namespace {

constexpr int kStep = 2;
using Code = std::int8_t;
constexpr bool kConvertRows = true;
constexpr int kShift = 128;  // taken from unsigned codes

using Column = int8x8_t;

inline Column load_row(const std::int8_t* p) {
  std::int16_t step;
  std::memcpy(&step, p, sizeof step);
  return vreinterpret_s8_s16(vdup_n_s16(step));
}
inline Column load_column(const std::int8_t* p) { return vld1_s8(p); }
inline int32x4_t dot(int32x4_t sum, Column row, Column column) {
  return vpadalq_s16(sum, vmull_s8(row, column));
}

#include "common/kernels/qgemm/tile_neon.inc"

}  // namespace
}  // namespace fedqat::kernels
