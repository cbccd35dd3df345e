#include <cstring>

#include "common/kernels/qgemm/qgemm_tables.h"

namespace fedqat::kernels {
namespace {

// Packed: the rows of b behind each other, then their sums.
std::size_t weight_bytes(int n, int k) {
  return (static_cast<std::size_t>(n) * static_cast<std::size_t>(k) + 3) / 4 * 4;
}

std::size_t packed_bytes(int n, int k) {
  return weight_bytes(n, k) + static_cast<std::size_t>(n) * sizeof(std::int32_t);
}

void pack(const std::int8_t* b, std::ptrdiff_t ldb, int n, int k, std::byte* packed) {
  auto* sums = reinterpret_cast<std::int32_t*>(packed + weight_bytes(n, k));
  for (int j = 0; j < n; ++j) {
    std::memcpy(packed + std::ptrdiff_t{j} * k, b + j * ldb, static_cast<std::size_t>(k));
    std::int32_t sum = 0;
    for (int p = 0; p < k; ++p) sum += b[j * ldb + p];
    sums[j] = sum;
  }
}

void run(const QgemmArgs& g) {
  const auto* b = reinterpret_cast<const std::int8_t*>(g.b_packed);
  const auto* sums = reinterpret_cast<const std::int32_t*>(g.b_packed + weight_bytes(g.n, g.k));
  for (int i = 0; i < g.m; ++i) {
    const std::uint8_t* a = g.a + i * g.lda;
    for (int j = 0; j < g.n; ++j) {
      const std::int8_t* row = b + std::ptrdiff_t{j} * g.k;
      std::int32_t dot = 0;
      for (int p = 0; p < g.k; ++p) dot += a[p] * row[p];
      // The zero point leaves the loop: sum (a - z) b = sum a b - z sum b.
      g.acc[i * g.ldacc + j] = g.bias[j] + dot - g.a_zero * sums[j];
    }
  }
}

}  // namespace

const QgemmKernel kQgemmScalar = {"scalar", Isa::kScalar, packed_bytes, pack, run};

}  // namespace fedqat::kernels
