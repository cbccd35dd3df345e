// u8 x s8 -> s32 matrix product, the inner step of every quantized layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/isa.h"

namespace fedqat::kernels {

//   acc[i,j] = bias[j] + sum_k (a[i,k] - a_zero) * b[j,k]
//
// a [m,k] u8 and acc [m,n] are row-major, strides in elements. b is [n,k] s8 within +-127, packed
// by the same kernel. Exact while k <= kMaxDepth, a_zero in 0..255 and |bias| <= 2^30.
// Up to 3 bytes behind each row of a are read (and multiplied by zero): rows need that slack.
struct QgemmArgs {
  int m, n, k;
  const std::uint8_t* a;
  std::ptrdiff_t lda;
  std::int32_t a_zero;
  const std::byte* b_packed;
  const std::int32_t* bias;  // [n]
  std::int32_t* acc;
  std::ptrdiff_t ldacc;
};

// 2^15 * 255 * 127 + 2^30 < 2^31.
inline constexpr int kMaxDepth = 1 << 15;

struct QgemmKernel {
  const char* name;
  Isa isa;
  std::size_t (*packed_bytes)(int n, int k);
  // b [n,k] row-major -> b_packed, 64-byte aligned, packed_bytes() long. Once per set of weights.
  void (*pack)(const std::int8_t* b, std::ptrdiff_t ldb, int n, int k, std::byte* b_packed);
  void (*run)(const QgemmArgs&);
};

// Every kernel built into this binary, best first. Tests and benchmarks walk this table.
std::span<const QgemmKernel> qgemm_kernels();

// The best kernel this machine can run. Ask once, outside the loop.
const QgemmKernel& qgemm_kernel();

// The definition, written from the formula. The oracle of the tests; never optimized.
void qgemm_reference(const QgemmArgs& args, const std::int8_t* b, std::ptrdiff_t ldb);

}  // namespace fedqat::kernels
