// u8 x s8 -> s32 matrix product, the inner step of every quantized layer: forward, and the gradient
// of a layer's input. Its sibling qgemm_tn makes the gradient of the weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/isa.h"
#include "common/kernels/output_grid.h"

namespace fedqat::kernels {

//   acc[i,j] = bias[j] + sum_k (a[i,k] - a_zero) * b[j,k]
//   t = float(acc[i,j]) * mult[j],  r = rint(clamp(t, low - zero, high - zero))
//   y[i,j] = r + zero
//   residual[i,j] = low - zero < t < high - zero ? rint((r - t) * 254) : kClipped
//
// a [m,k] u8 is row-major, and so are the outputs, strides in elements. b is s8 within +-127,
// packed by the same kernel. Exact while k <= kMaxDepth, a_zero in 0..255 and |bias| <= 2^30; mult
// and the grid as in elementwise requantize(), of which y has the bits. A product with signed a
// stores a + 128 and has a_zero = 128.
// Up to 3 bytes behind each row of a are read (and multiplied by zero): rows need that slack.
// Outputs are written within [m,n] only. run() has no memory of its own but some KiB of stack.
struct QgemmArgs {
  int m, n, k;
  const std::uint8_t* a;
  std::ptrdiff_t lda;
  std::int32_t a_zero;
  const std::byte* b_packed;
  const std::int32_t* bias;  // [n]; null: zeros
  std::int32_t* acc;         // null: not stored
  std::ptrdiff_t ldacc;

  const float* mult = nullptr;  // [n]; needed for y
  OutputGrid grid{0, 0, 255};
  std::uint8_t* y = nullptr;  // null: not stored
  std::ptrdiff_t ldy = 0;
  std::int8_t* residual = nullptr;  // null: not stored; needs y
  std::ptrdiff_t ldresidual = 0;

  // Rows that lie as windows of an image do, for kernels with `windows`. A row is `runs` pieces of
  // k / runs elements, a multiple of 4, that begin run_stride apart. Rows are lda apart within
  // groups of group_rows, which divide m and begin group_stride apart; 0: all are one group.
  int runs = 1;
  std::ptrdiff_t run_stride = 0;
  int group_rows = 0;
  std::ptrdiff_t group_stride = 0;
};

// 2^15 * 255 * 127 + 2^30 < 2^31.
inline constexpr int kMaxDepth = 1 << 15;

// What the backward pass of rounding needs of a position t, in a byte instead of acc's four: the
// error r - t in steps of 1/254, within +-127, or kClipped where y says at which end.
inline constexpr float kResidualSteps = 254.0F;
inline constexpr std::int8_t kClipped = -128;

struct QgemmKernel {
  const char* name;
  Isa isa;
  std::size_t (*packed_bytes)(int n, int k);
  // b [n,k] row-major -> b_packed, 64-byte aligned, packed_bytes() long. Once per set of weights.
  void (*pack)(const std::int8_t* b, std::ptrdiff_t ldb, int n, int k, std::byte* b_packed);
  // The same b_packed from its transpose, bt [k,n] row-major.
  void (*pack_transposed)(const std::int8_t* bt, std::ptrdiff_t ldbt, int n, int k,
                          std::byte* b_packed);
  void (*run)(const QgemmArgs&);
  bool windows = false;
};

// Every kernel built into this binary, best first. Tests and benchmarks walk this table.
std::span<const QgemmKernel> qgemm_kernels();

// The best kernel this machine can run. Ask once, outside the loop.
const QgemmKernel& qgemm_kernel();

// The definition, written from the formula. The oracle of the tests; never optimized.
void qgemm_reference(const QgemmArgs& args, const std::int8_t* b, std::ptrdiff_t ldb);

}  // namespace fedqat::kernels
