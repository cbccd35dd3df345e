#include "common/kernels/qgemm/qgemm.h"

#include <catch2/catch.hpp>

#include "common/base/rng.h"
#include "common/tensor/buffer.h"

using namespace fedqat;
using namespace fedqat::kernels;

namespace {

struct Problem {
  Problem(int rows, int cols, int depth, int zero, bool extreme)
      : m(rows), n(cols), k(depth), a_zero(zero) {
    Rng rng({.seed = static_cast<std::uint64_t>(m * 1000003 + n * 1009 + k)});
    lda = k + m % 3;
    a = Buffer<std::uint8_t>(static_cast<std::size_t>(m * lda));
    b = Buffer<std::int8_t>(static_cast<std::size_t>(n * k));
    bias = Buffer<std::int32_t>(static_cast<std::size_t>(n));
    for (auto& x : a.span()) x = extreme ? 255 : static_cast<std::uint8_t>(rng.below(256));
    for (auto& x : b.span()) {
      x = static_cast<std::int8_t>(extreme ? -127 : static_cast<int>(rng.below(255)) - 127);
    }
    for (auto& x : bias.span()) x = static_cast<std::int32_t>(rng.below(1U << 31)) - (1 << 30);
  }
  QgemmArgs args(std::int32_t* acc, const std::byte* packed) const {
    return {m, n, k, a.data(), lda, a_zero, packed, bias.data(), acc, n + 1};
  }
  int m, n, k, a_zero;
  std::ptrdiff_t lda;
  Buffer<std::uint8_t> a;
  Buffer<std::int8_t> b;
  Buffer<std::int32_t> bias;
};

void check_all_kernels(const Problem& p) {
  const auto size = static_cast<std::size_t>(p.m * (p.n + 1));
  Buffer<std::int32_t> expected(size), got(size);
  for (auto& x : expected.span()) x = 77;
  qgemm_reference(p.args(expected.data(), nullptr), p.b.data(), p.k);
  for (const QgemmKernel& kernel : qgemm_kernels()) {
    if (!cpu_has(kernel.isa)) continue;
    for (auto& x : got.span()) x = 77;
    Buffer<std::byte> packed(kernel.packed_bytes(p.n, p.k));
    kernel.pack(p.b.data(), p.k, p.n, p.k, packed.data());
    kernel.run(p.args(got.data(), packed.data()));
    INFO(kernel.name << " m=" << p.m << " n=" << p.n << " k=" << p.k << " zero=" << p.a_zero);
    CHECK(std::equal(got.data(), got.data() + size, expected.data()));
  }
}

}  // namespace

TEST_CASE("qgemm: every kernel equals the formula, below, at and above each vector width") {
  for (const int m : {1, 3, 4, 5, 11, 12, 13, 25, 97}) {
    for (const int n : {1, 6, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 50}) {
      for (const int k : {1, 2, 3, 4, 5, 25, 63, 64, 65, 150}) {
        check_all_kernels(Problem(m, n, k, (m * n + k) % 256, false));
      }
    }
  }
}

TEST_CASE("qgemm: depth beyond a cache block continues the same sums") {
  for (const int k : {511, 512, 513, 1024, 1025, 2047, 2052}) {
    check_all_kernels(Problem(14, 35, k, 3, false));
  }
}

TEST_CASE("qgemm: the largest codes at the largest depth do not overflow") {
  for (const int zero : {0, 255}) check_all_kernels(Problem(2, 3, kMaxDepth, zero, true));
}
