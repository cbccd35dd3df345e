// s8 x u8 -> s32 product over the rows of both: the gradient of a quantized layer's weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/isa.h"

namespace fedqat::kernels {

//   acc[c,k] (+)= sum_m g[m,c] * (x[m,k] - x_zero)
//   gsum[c]  (+)= sum_m g[m,c]
//
// x [m,k] u8, the layer's input codes, row-major. g s8, any code, lies in quads: the codes of rows
// 4q .. 4q+3 in column c are the four bytes at g + q * ldg + 4 c. Rows behind m in the last quad
// are zero.
// A gradient of 16 bits is stored as two digits, 256 * high + low, both s8 and high not -128, in
// columns 2 i and 2 i + 1. With `digits` only 256 acc[2i,k] + acc[2i+1,k] is what the formula says,
// and what each of them is a matter of the kernel; c is even then.
// Exact while all rows that are summed are at most kMaxRows, and x_zero in 0..255.
// Nothing outside of the matrices is read or written. run() uses at most 64 KiB of stack.
struct QgemmTnArgs {
  int m, c, k;
  const std::int8_t* g;
  std::ptrdiff_t ldg;  // bytes from quad to quad, >= 4 c
  const std::uint8_t* x;
  std::ptrdiff_t ldx;
  std::int32_t x_zero;
  std::int32_t* acc;  // [c,k]
  std::ptrdiff_t ldacc;
  std::int32_t* gsum;  // [c]; null: not stored
  bool accumulate;     // add to what is in acc and gsum
  bool digits = false;
};

// 2^15 * 255 * 128 < 2^31.
inline constexpr int kMaxRows = 1 << 15;

struct QgemmTnKernel {
  const char* name;
  Isa isa;
  void (*run)(const QgemmTnArgs&);
};

// Every kernel built into this binary, best first. Tests and benchmarks walk this table.
std::span<const QgemmTnKernel> qgemm_tn_kernels();

// The best kernel this machine can run. Ask once, outside the loop.
const QgemmTnKernel& qgemm_tn_kernel();

// The definition, written from the formula. The oracle of the tests; never optimized.
void qgemm_tn_reference(const QgemmTnArgs& args);

}  // namespace fedqat::kernels
