#include "common/kernels/qgemm/qgemm.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "common/base/rng.h"
#include "common/kernels/elementwise/elementwise.h"
#include "common/kernels/im2col/im2col.h"
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

// All outputs, with slack between rows that must stay as it was.
struct Outputs {
  explicit Outputs(const Problem& p)
      : ld(p.n + 1),
        acc(static_cast<std::size_t>(p.m * ld)),
        y(static_cast<std::size_t>(p.m * ld)),
        residual(static_cast<std::size_t>(p.m * ld)) {
    for (auto& x : acc.span()) x = 77;
    for (auto& x : y.span()) x = 77;
    for (auto& x : residual.span()) x = 77;
  }
  void attach(QgemmArgs& g, const float* mult, const OutputGrid& grid) {
    g.mult = mult;
    g.grid = grid;
    g.y = y.data();
    g.residual = residual.data();
    g.ldy = g.ldresidual = ld;
  }
  bool operator==(const Outputs& other) const {
    return same(acc, other.acc) && same(y, other.y) && same(residual, other.residual);
  }
  template <class T>
  static bool same(const Buffer<T>& a, const Buffer<T>& b) {
    return std::equal(a.span().begin(), a.span().end(), b.span().begin());
  }

  std::ptrdiff_t ld;
  Buffer<std::int32_t> acc;
  Buffer<std::uint8_t> y;
  Buffer<std::int8_t> residual;
};

// `b` as the other packing function takes it.
Buffer<std::int8_t> transposed(const Problem& p, std::ptrdiff_t ld) {
  Buffer<std::int8_t> bt(static_cast<std::size_t>(p.k * ld));
  for (auto& x : bt.span()) x = 55;
  for (int j = 0; j < p.n; ++j) {
    for (int k = 0; k < p.k; ++k) bt.data()[k * ld + j] = p.b.data()[j * p.k + k];
  }
  return bt;
}

void check_all_kernels(const Problem& p) {
  Outputs expected(p);
  qgemm_reference(p.args(expected.acc.data(), nullptr), p.b.data(), p.k);
  const std::ptrdiff_t ldbt = p.n + p.k % 3;
  const Buffer<std::int8_t> bt = transposed(p, ldbt);
  for (const QgemmKernel& kernel : qgemm_kernels()) {
    if (!cpu_has(kernel.isa)) continue;
    INFO(kernel.name << " m=" << p.m << " n=" << p.n << " k=" << p.k << " zero=" << p.a_zero);
    Buffer<std::byte> packed(kernel.packed_bytes(p.n, p.k));
    kernel.pack(p.b.data(), p.k, p.n, p.k, packed.data());
    Outputs got(p);
    kernel.run(p.args(got.acc.data(), packed.data()));
    CHECK(got == expected);

    Buffer<std::byte> other(kernel.packed_bytes(p.n, p.k));
    kernel.pack_transposed(bt.data(), ldbt, p.n, p.k, other.data());
    CHECK(Outputs::same(packed, other));
  }
}

// A grid and multipliers that clip some positions at either end and leave others inside.
void check_rounding(Problem q, const OutputGrid& grid) {
  std::vector<float> mult(static_cast<std::size_t>(q.n));
  Rng rng({.seed = static_cast<std::uint64_t>(q.n)});
  for (float& x : mult) x = 0x1p-23F * static_cast<float>(1 + rng.below(100));
  for (auto& x : q.bias.span()) x >>= 6;
  for (int j = 0; j < q.n; j += 3) q.bias[static_cast<std::size_t>(j)] = 1 << 20;  // ties
  for (int j = 0; j < q.n; j += 3) mult[static_cast<std::size_t>(j)] = 0x1p-16F;
  for (const bool no_bias : {false, true}) {
    Outputs expected(q);
    QgemmArgs g = q.args(expected.acc.data(), nullptr);
    if (no_bias) g.bias = nullptr;
    expected.attach(g, mult.data(), grid);
    qgemm_reference(g, q.b.data(), q.k);
    for (const QgemmKernel& kernel : qgemm_kernels()) {
      if (!cpu_has(kernel.isa)) continue;
      INFO(kernel.name << " m=" << q.m << " n=" << q.n << " k=" << q.k << " low=" << grid.low);
      Buffer<std::byte> packed(kernel.packed_bytes(q.n, q.k));
      kernel.pack(q.b.data(), q.k, q.n, q.k, packed.data());
      g.b_packed = packed.data();
      Outputs all(q);
      g.acc = all.acc.data();
      all.attach(g, mult.data(), grid);
      kernel.run(g);
      CHECK(all == expected);

      Outputs codes(q);
      codes.attach(g, mult.data(), grid);
      g.acc = nullptr;
      g.residual = nullptr;
      kernel.run(g);
      CHECK(Outputs::same(codes.y, expected.y));
      CHECK(codes.residual[0] == 77);
    }
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
  for (const int k : {511, 512, 513, 1025, 2052, 4096, 4097, 9001}) {
    check_all_kernels(Problem(14, 35, k, 3, false));
  }
}

TEST_CASE("qgemm: the largest codes at the largest depth do not overflow") {
  for (const int zero : {0, 255}) {
    check_all_kernels(Problem(2, 3, kMaxDepth, zero, true));
    check_all_kernels(Problem(15, 33, kMaxDepth, zero, true));
  }
}

TEST_CASE("qgemm: codes and residuals equal the formula, with and without accumulators") {
  for (const int m : {1, 4, 13, 15, 29}) {
    for (const int n : {1, 7, 8, 16, 17, 33, 50}) {
      for (const int k : {1, 25, 70, 2100}) {
        check_rounding(Problem(m, n, k, 128, false), {3, 0, 255});
        check_rounding(Problem(m, n, k, 0, false), {10, 10, 15});
      }
    }
  }
}

TEST_CASE("qgemm: codes are those of elementwise requantize, residuals tell its regions") {
  const Problem p(9, 32, 40, 7, false);
  const OutputGrid grid{12, 0, 200};
  std::vector<float> mult(32, 0x1p-22F);
  Outputs got(p);
  const QgemmKernel& kernel = qgemm_kernel();
  Buffer<std::byte> packed(kernel.packed_bytes(p.n, p.k));
  kernel.pack(p.b.data(), p.k, p.n, p.k, packed.data());
  QgemmArgs g = p.args(got.acc.data(), packed.data());
  got.attach(g, mult.data(), grid);
  kernel.run(g);
  for (int i = 0; i < p.m; ++i) {
    std::uint8_t row[32];
    elementwise().requantize(got.acc.data() + i * got.ld, 1, 32, mult.data(), grid, row);
    for (int j = 0; j < 32; ++j) {
      const auto at = static_cast<std::size_t>(i * got.ld + j);
      CHECK(got.y[at] == row[j]);
      const float t = static_cast<float>(got.acc[at]) * 0x1p-22F;
      CHECK((got.residual[at] == kClipped) == (t <= -12 || t >= 188));
      if (got.residual[at] == kClipped) continue;
      const float error = static_cast<float>(row[j] - 12) - t;
      CHECK(std::abs(static_cast<float>(got.residual[at]) / kResidualSteps - error) <= 0.5F / 254);
    }
  }
}

TEST_CASE("qgemm: a position exactly at an end of the grid is clipped, its neighbours are not") {
  constexpr int kColumns = 33;
  const std::vector<std::uint8_t> a = {1, 0, 0, 0};
  const std::vector<std::int8_t> b(kColumns, 1);
  const std::vector<float> mult(kColumns, 0.5F);
  std::vector<std::int32_t> bias(kColumns);  // t = (bias + 1) / 2 = -8, -7.5 .. 8
  for (int j = 0; j < kColumns; ++j) bias[static_cast<std::size_t>(j)] = j - 17;
  for (const QgemmKernel& kernel : qgemm_kernels()) {
    if (!cpu_has(kernel.isa)) continue;
    INFO(kernel.name);
    Buffer<std::byte> packed(kernel.packed_bytes(kColumns, 1));
    kernel.pack(b.data(), 1, kColumns, 1, packed.data());
    std::vector<std::uint8_t> y(kColumns);
    std::vector<std::int8_t> residual(kColumns);
    QgemmArgs g{1, kColumns, 1, a.data(), 1, 0, packed.data(), bias.data(), nullptr, 0};
    g.mult = mult.data();
    g.grid = {6, 2, 10};  // positions -4 .. 4
    g.y = y.data();
    g.residual = residual.data();
    g.ldy = g.ldresidual = kColumns;
    kernel.run(g);
    for (int j = 0; j < kColumns; ++j) {
      const float t = static_cast<float>(j - 16) * 0.5F;
      const float r = std::nearbyint(std::clamp(t, -4.0F, 4.0F));
      const auto at = static_cast<std::size_t>(j);
      CHECK(y[at] == static_cast<int>(r) + 6);
      CHECK(residual[at] == (t > -4 && t < 4 ? static_cast<int>((r - t) * 254) : kClipped));
    }
  }
}

TEST_CASE("qgemm: windows of an image where they lie equal the same rows unfolded") {
  struct Shape {
    int h, w, c, kh, kw, stride;
  };
  for (const Shape& s :
       {Shape{13, 11, 4, 3, 3, 1}, Shape{9, 20, 8, 5, 5, 1}, Shape{12, 17, 16, 3, 1, 2},
        Shape{8, 8, 4, 8, 8, 1}, Shape{30, 33, 4, 2, 3, 2}, Shape{70, 20, 12, 1, 2, 1}}) {
    const int out_h = (s.h - s.kh) / s.stride + 1, out_w = (s.w - s.kw) / s.stride + 1;
    for (const int n : {1, 16, 40}) {
      const Problem image(s.h, n, s.w * s.c, 9, false);  // its b is not used
      const Problem p(out_h * out_w, n, s.kh * s.kw * s.c, 9, false);
      Buffer<std::uint8_t> x(static_cast<std::size_t>(s.h * s.w * s.c));
      for (int y = 0; y < s.h; ++y) {
        std::copy_n(image.a.data() + y * image.lda, s.w * s.c, x.data() + y * s.w * s.c);
      }
      QgemmArgs g = p.args(nullptr, nullptr);
      Buffer<std::uint8_t> rows(static_cast<std::size_t>(p.m * p.k));
      im2col({s.h, s.w, s.c, s.kh, s.kw, s.stride, 0, 0}, x.data(), 0, rows.data(), p.k);
      g.a = rows.data();
      g.lda = p.k;
      Outputs expected(p);
      const OutputGrid grid{100, 2, 250};
      const std::vector<float> mult(static_cast<std::size_t>(n), 0x1p-20F);
      g.acc = expected.acc.data();
      expected.attach(g, mult.data(), grid);
      qgemm_reference(g, p.b.data(), p.k);
      for (const QgemmKernel& kernel : qgemm_kernels()) {
        if (!cpu_has(kernel.isa) || !kernel.windows) continue;
        INFO(kernel.name << " c=" << s.c << " kh=" << s.kh << " kw=" << s.kw << " n=" << n);
        Buffer<std::byte> packed(kernel.packed_bytes(p.n, p.k));
        kernel.pack(p.b.data(), p.k, p.n, p.k, packed.data());
        QgemmArgs w = g;
        w.b_packed = packed.data();
        w.a = x.data();
        w.lda = std::ptrdiff_t{s.stride} * s.c;
        w.runs = s.kh;
        w.run_stride = std::ptrdiff_t{s.w} * s.c;
        w.group_rows = out_w;
        w.group_stride = s.stride * w.run_stride;
        Outputs all(p);
        w.acc = all.acc.data();
        all.attach(w, mult.data(), grid);
        kernel.run(w);
        CHECK(all == expected);

        Outputs codes(p);
        w.acc = nullptr;
        codes.attach(w, mult.data(), grid);
        w.residual = nullptr;
        kernel.run(w);
        CHECK(Outputs::same(codes.y, expected.y));
      }
    }
  }
}
