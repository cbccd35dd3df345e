// fp32 matrix product with one fixed order of summation: the fp32 layers and the backward pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/isa.h"

namespace fedqat::kernels {

//   c[i,j] = (accumulate ? c[i,j] : 0) + sum_p a(i,p) * b(p,j)
//
// Every c[i,j] is one chain of fused multiply-adds over p = 0, 1, 2...: the same bits on every
// instruction set, and the same whether the sum is taken at once or in pieces with accumulate.
// a(i,p) = a[i * a_row + p * a_col]. b(p,j) = b[p * b_row + j * b_col], or, when b is null,
// float(b_codes[p * b_row + j * b_col] - b_zero). c is row-major.
//
// Rows and depth may come in runs, as in windows of an image. Then, with i = q * row_run + r and
// p = s * depth_run + t, a(i,p) = a[q * a_row_run + r * a_row + s * a_depth_run + t * a_col] and
// b(p,j) = b[s * b_depth_run + t * b_row + j]; depth in runs wants a b, with b_col = 1.
//
// With a bias, behind that: c[i,j] = max(c[i,j] + bias[j], floor).
struct SgemmArgs {
  int m, n, k;
  const float* a;
  std::ptrdiff_t a_row, a_col;
  const float* b;
  const std::uint8_t* b_codes;
  std::int32_t b_zero;
  std::ptrdiff_t b_row, b_col;
  float* c;
  std::ptrdiff_t ldc;
  bool accumulate;
  float* scratch;                  // kSgemmScratch floats, 64-byte aligned
  int row_run = 0, depth_run = 0;  // 0: a single run
  std::ptrdiff_t a_row_run = 0, a_depth_run = 0, b_depth_run = 0;
  const float* bias = nullptr;  // [n]
  float floor = 0;
};

inline constexpr int kSgemmDepthBlock = 256;
inline constexpr int kSgemmColBlock = 256;
inline constexpr std::size_t kSgemmScratch = std::size_t{kSgemmDepthBlock} * kSgemmColBlock;

struct SgemmKernel {
  const char* name;
  Isa isa;
  void (*run)(const SgemmArgs&);
};

std::span<const SgemmKernel> sgemm_kernels();  // best first
const SgemmKernel& sgemm_kernel();             // best for this machine
void sgemm_reference(const SgemmArgs& args);   // the oracle; needs no scratch

}  // namespace fedqat::kernels
