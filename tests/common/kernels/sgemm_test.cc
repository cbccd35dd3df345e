#include "common/kernels/sgemm/sgemm.h"

#include <Eigen/Core>
#include <catch2/catch.hpp>
#include <cstring>

#include "common/base/rng.h"
#include "common/tensor/buffer.h"

using namespace fedqat;
using namespace fedqat::kernels;

namespace {

Buffer<float> random_floats(std::size_t n, std::uint64_t seed) {
  Rng rng({.seed = seed});
  Buffer<float> x(n);
  for (auto& v : x.span()) v = static_cast<float>(rng.normal());
  return x;
}

void check_all_kernels(int m, int n, int k, bool a_transposed, bool b_transposed, bool codes,
                       bool accumulate, bool biased = false) {
  const auto a = random_floats(static_cast<std::size_t>(m * k), 1);
  const auto b = random_floats(static_cast<std::size_t>(n * k), 2);
  const auto c0 = random_floats(static_cast<std::size_t>(m * n), 3);
  Buffer<std::uint8_t> b_codes(static_cast<std::size_t>(n * k));
  Rng rng({.seed = 4});
  for (auto& x : b_codes.span()) x = static_cast<std::uint8_t>(rng.below(256));
  const auto bias = random_floats(static_cast<std::size_t>(n), 5);
  Buffer<float> scratch(kSgemmScratch);
  const auto run = [&](auto kernel) {
    Buffer<float> c(c0.size());
    std::memcpy(c.data(), c0.data(), c0.size() * sizeof(float));
    SgemmArgs g{};
    g.m = m;
    g.n = n;
    g.k = k;
    g.a = a.data();
    g.a_row = a_transposed ? 1 : k;
    g.a_col = a_transposed ? m : 1;
    g.b = codes ? nullptr : b.data();
    g.b_codes = codes ? b_codes.data() : nullptr;
    g.b_zero = 17;
    g.b_row = b_transposed ? 1 : n;
    g.b_col = b_transposed ? k : 1;
    g.c = c.data();
    g.ldc = n;
    g.accumulate = accumulate;
    g.scratch = scratch.data();
    g.bias = biased ? bias.data() : nullptr;
    g.floor = -0.5F;
    kernel(g);
    return c;
  };
  const auto expected = run(sgemm_reference);
  for (const SgemmKernel& kernel : sgemm_kernels()) {
    if (!cpu_has(kernel.isa)) continue;
    const auto got = run(kernel.run);
    INFO(kernel.name << " m=" << m << " n=" << n << " k=" << k);
    CHECK(std::memcmp(got.data(), expected.data(), expected.size() * sizeof(float)) == 0);
  }
}

}  // namespace

TEST_CASE("sgemm: every kernel gives the bits of the plain chain of multiply-adds") {
  int turn = 0;
  for (const int m : {1, 5, 6, 7, 12, 13, 30}) {
    for (const int n : {1, 6, 8, 15, 16, 17, 32, 33, 70}) {
      for (const int k : {1, 2, 25, 64}) {
        ++turn;
        check_all_kernels(m, n, k, turn & 1, turn & 2, turn & 4, turn & 8, turn % 3 == 0);
      }
    }
  }
  check_all_kernels(200, 10, 600, true, false, true, false);
  check_all_kernels(9, 300, 513, false, true, false, true);
}

TEST_CASE("sgemm: the bits are the same for every way of blocking a product") {
  struct Size {
    int m, n, k;
  };
  constexpr Size kSizes[] = {
      {1, 40, 300}, {33, 785, 17}, {64, 31, 529}, {65, 31, 529}, {131, 4, 257},
      {200, 8, 33}, {13, 1030, 9}, {40, 1030, 9}, {7, 257, 700}, {197, 270, 261},
  };
  for (const Size& s : kSizes) {
    for (const bool accumulate : {false, true}) {
      for (const bool codes : {false, true}) {
        check_all_kernels(s.m, s.n, s.k, false, true, codes, accumulate, true);
        check_all_kernels(s.m, s.n, s.k, true, true, codes, accumulate);
        check_all_kernels(s.m, s.n, s.k, false, false, codes, accumulate);
        check_all_kernels(s.m, s.n, s.k, true, false, codes, accumulate, true);
      }
    }
  }
}

TEST_CASE("sgemm: rows and depth in runs are windows of an image") {
  struct Size {
    int runs, row_run, depth_runs, depth_run, n;
  };
  constexpr Size kSizes[] = {{1, 5, 3, 3, 6},   {3, 10, 5, 30, 16},  {26, 26, 3, 3, 32},
                             {4, 28, 5, 7, 33}, {2, 230, 2, 140, 8}, {13, 1, 1, 300, 70}};
  for (const Size& s : kSizes) {
    for (const bool accumulate : {false, true}) {
      const int m = s.runs * s.row_run, k = s.depth_runs * s.depth_run;
      // Overlapping rows of a, and gaps in b.
      const std::ptrdiff_t step = 2, line = step * s.row_run + s.depth_run + 3, wide = s.n + 5;
      const auto a = random_floats(static_cast<std::size_t>((s.runs + s.depth_runs) * line), 1);
      const auto b = random_floats(static_cast<std::size_t>((k + s.depth_runs) * wide), 2);
      const auto c0 = random_floats(static_cast<std::size_t>(m * s.n), 3);
      Buffer<float> scratch(kSgemmScratch), c(c0.size()), expected(c0.size());
      SgemmArgs g{};
      g.m = m;
      g.n = s.n;
      g.k = k;
      g.a = a.data();
      g.a_row = step;
      g.a_col = 1;
      g.b = b.data();
      g.b_row = wide;
      g.b_col = 1;
      g.ldc = s.n;
      g.accumulate = accumulate;
      g.scratch = scratch.data();
      g.row_run = s.row_run;
      g.depth_run = s.depth_run;
      g.a_row_run = g.a_depth_run = line;
      g.b_depth_run = (s.depth_run + 1) * wide;
      std::memcpy(expected.data(), c0.data(), c0.size() * sizeof(float));
      g.c = expected.data();
      sgemm_reference(g);
      for (const SgemmKernel& kernel : sgemm_kernels()) {
        if (!cpu_has(kernel.isa)) continue;
        std::memcpy(c.data(), c0.data(), c0.size() * sizeof(float));
        g.c = c.data();
        kernel.run(g);
        INFO(kernel.name << " m=" << m << " n=" << s.n << " k=" << k);
        CHECK(std::memcmp(c.data(), expected.data(), c.size() * sizeof(float)) == 0);
      }
    }
  }
}

TEST_CASE("sgemm: a sum over nothing is zero, or what c held") {
  for (const bool b_transposed : {false, true}) {
    check_all_kernels(5, 7, 0, false, b_transposed, false, false);
    check_all_kernels(5, 7, 0, false, b_transposed, false, true, true);
  }
}

TEST_CASE("sgemm: agrees with Eigen within the rounding error of the sum") {
  const int m = 37, n = 41, k = 300;
  const auto a = random_floats(static_cast<std::size_t>(m * k), 1);
  const auto b = random_floats(static_cast<std::size_t>(n * k), 2);
  Buffer<float> c(static_cast<std::size_t>(m * n)), scratch(kSgemmScratch);
  sgemm_kernel().run(
      {m, n, k, a.data(), k, 1, b.data(), nullptr, 0, n, 1, c.data(), n, false, scratch.data()});
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const Matrix> am(a.data(), m, k), bm(b.data(), k, n), cm(c.data(), m, n);
  const Matrix expected = am * bm;
  // |error| <= k * eps * |a| |b| for each side.
  const Matrix bound = 2.0F * k * 6e-8F * (am.cwiseAbs() * bm.cwiseAbs());
  CHECK(((cm - expected).cwiseAbs().array() <= bound.array()).all());
}
