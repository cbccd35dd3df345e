#include <algorithm>
#include <cstring>

#include "common/kernels/qgemm/qgemm_round.h"
#include "common/kernels/qgemm/qgemm_tables.h"

namespace fedqat::kernels {
namespace {

constexpr int kCols = 64;  // columns of a row that are rounded together

// Packed: the rows of b behind each other, then their sums.
std::size_t weight_bytes(int n, int k) {
  return (static_cast<std::size_t>(n) * static_cast<std::size_t>(k) + 3) / 4 * 4;
}

std::size_t packed_bytes(int n, int k) {
  return weight_bytes(n, k) + static_cast<std::size_t>(n) * sizeof(std::int32_t);
}

void pack_strided(const std::int8_t* b, std::ptrdiff_t row, std::ptrdiff_t col, int n, int k,
                  std::byte* packed) {
  auto* out = reinterpret_cast<std::int8_t*>(packed);
  auto* sums = reinterpret_cast<std::int32_t*>(packed + weight_bytes(n, k));
  for (int j = 0; j < n; ++j) {
    std::int32_t sum = 0;
    for (int p = 0; p < k; ++p) {
      const std::int8_t w = b[j * row + p * col];
      *out++ = w;
      sum += w;
    }
    sums[j] = sum;
  }
}

void pack(const std::int8_t* b, std::ptrdiff_t ldb, int n, int k, std::byte* packed) {
  pack_strided(b, ldb, 1, n, k, packed);
}

void pack_transposed(const std::int8_t* bt, std::ptrdiff_t ldbt, int n, int k, std::byte* packed) {
  pack_strided(bt, 1, ldbt, n, k, packed);
}

void run(const QgemmArgs& g) {
  const auto* b = reinterpret_cast<const std::int8_t*>(g.b_packed);
  const auto* sums = reinterpret_cast<const std::int32_t*>(g.b_packed + weight_bytes(g.n, g.k));
  std::int32_t acc[kCols];
  for (int i = 0; i < g.m; ++i) {
    const std::uint8_t* a = g.a + i * g.lda;
    for (int j0 = 0; j0 < g.n; j0 += kCols) {
      const int cols = std::min(kCols, g.n - j0);
      for (int c = 0; c < cols; ++c) {
        const int j = j0 + c;
        const std::int8_t* row = b + std::ptrdiff_t{j} * g.k;
        std::int32_t dot = 0;
        for (int p = 0; p < g.k; ++p) dot += a[p] * row[p];
        // The zero point leaves the loop: sum (a - z) b = sum a b - z sum b.
        acc[c] = (g.bias != nullptr ? g.bias[j] : 0) + dot - g.a_zero * sums[j];
      }
      if (g.acc != nullptr) std::copy_n(acc, cols, g.acc + i * g.ldacc + j0);
      if (g.y != nullptr) qgemm_round(g, i, j0, cols, acc);
    }
  }
}

}  // namespace

const QgemmKernel kQgemmScalar = {"scalar", Isa::kScalar, packed_bytes, pack, pack_transposed, run};

}  // namespace fedqat::kernels
