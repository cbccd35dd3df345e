#include "common/kernels/qgemm_tn/qgemm_tn.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "common/base/rng.h"
#include "common/tensor/buffer.h"

using namespace fedqat;
using namespace fedqat::kernels;

namespace {

struct Problem {
  Problem(int rows, int channels, int columns, int zero, bool extreme)
      : m(rows), c(channels), k(columns), x_zero(zero) {
    Rng rng({.seed = static_cast<std::uint64_t>(m) * 1000003 +
                     static_cast<std::uint64_t>(c * 1009 + k)});
    ldx = k + m % 3;
    ldg = 4 * c + 4 * (m % 2);
    x = Buffer<std::uint8_t>(static_cast<std::size_t>(m * ldx));
    g = Buffer<std::int8_t>(static_cast<std::size_t>((m + 3) / 4 * ldg));
    for (auto& v : x.span()) v = extreme ? 255 : static_cast<std::uint8_t>(rng.below(256));
    for (auto& v : g.span()) v = 99;
    for (int i = 0; i < (m + 3) / 4 * 4; ++i) {
      for (int j = 0; j < c; ++j) {
        const int code = extreme ? -128 : static_cast<int>(rng.below(256)) - 128;
        g.data()[(i / 4) * ldg + 4 * j + i % 4] = static_cast<std::int8_t>(i < m ? code : 0);
      }
    }
  }
  int m, c, k, x_zero;
  std::ptrdiff_t ldx, ldg;
  Buffer<std::uint8_t> x;
  Buffer<std::int8_t> g;
};

struct Outputs {
  explicit Outputs(const Problem& p)
      : acc(static_cast<std::size_t>(p.c * (p.k + 1))), gsum(static_cast<std::size_t>(p.c + 1)) {
    for (auto& v : acc.span()) v = 77;
    for (auto& v : gsum.span()) v = 77;
  }
  QgemmTnArgs args(const Problem& p, bool accumulate) {
    return {p.m,   p.c,      p.k,        p.g.data(), p.ldg,       p.x.data(),
            p.ldx, p.x_zero, acc.data(), p.k + 1,    gsum.data(), accumulate};
  }
  bool operator==(const Outputs& other) const {
    return std::equal(acc.span().begin(), acc.span().end(), other.acc.span().begin()) &&
           std::equal(gsum.span().begin(), gsum.span().end(), other.gsum.span().begin());
  }
  Buffer<std::int32_t> acc, gsum;
};

void check_all_kernels(const Problem& p) {
  for (const bool accumulate : {false, true}) {
    Outputs expected(p);
    qgemm_tn_reference(expected.args(p, accumulate));
    for (const QgemmTnKernel& kernel : qgemm_tn_kernels()) {
      if (!cpu_has(kernel.isa)) continue;
      INFO(kernel.name << " m=" << p.m << " c=" << p.c << " k=" << p.k << " zero=" << p.x_zero
                       << " accumulate=" << accumulate);
      Outputs got(p);
      kernel.run(got.args(p, accumulate));
      CHECK(got == expected);

      Outputs without(p);
      QgemmTnArgs args = without.args(p, accumulate);
      args.gsum = nullptr;
      kernel.run(args);
      CHECK(std::equal(without.acc.span().begin(), without.acc.span().end(),
                       expected.acc.span().begin()));
    }
  }
}

// Of numbers of two digits only the sum counts.
void check_digits(const Problem& p) {
  for (const bool accumulate : {false, true}) {
    Outputs expected(p);
    qgemm_tn_reference(expected.args(p, accumulate));
    for (const QgemmTnKernel& kernel : qgemm_tn_kernels()) {
      if (!cpu_has(kernel.isa)) continue;
      INFO(kernel.name << " m=" << p.m << " c=" << p.c << " k=" << p.k << " zero=" << p.x_zero
                       << " accumulate=" << accumulate);
      Outputs got(p);
      QgemmTnArgs args = got.args(p, accumulate);
      args.digits = true;
      kernel.run(args);
      bool equal = true;
      const auto whole = [&](const Outputs& o, int c, int k) {
        const std::ptrdiff_t high = c * (p.k + 1) + k, low = high + p.k + 1;
        return 256 * std::int64_t{o.acc.data()[high]} + o.acc.data()[low];
      };
      for (int c = 0; c < p.c; c += 2) {
        for (int k = 0; k < p.k; ++k) equal = equal && whole(got, c, k) == whole(expected, c, k);
        // What lies behind a row is not touched.
        for (const int row : {c, c + 1}) {
          const std::ptrdiff_t behind = row * (p.k + 1) + p.k;
          equal = equal && got.acc.data()[behind] == 77;
        }
      }
      CHECK(equal);
      CHECK(
          std::equal(got.gsum.span().begin(), got.gsum.span().end(), expected.gsum.span().begin()));
    }
  }
}

// High digits are not -128.
Problem digits(int m, int c, int k, int zero, bool extreme) {
  Problem p(m, c, k, zero, extreme);
  for (int i = 0; i < (m + 3) / 4; ++i) {
    for (int j = 0; j < 4 * c; ++j) {
      std::int8_t& code = p.g.data()[i * p.ldg + j];
      if (j / 4 % 2 == 0 && code == -128) code = -127;
    }
  }
  return p;
}

}  // namespace

TEST_CASE("qgemm_tn: numbers of two digits have the formula's sums") {
  for (const int m : {1, 4, 7, 32, 66, 255, 256, 257, 515}) {
    for (const int c : {2, 6, 10, 12, 14, 32, 66, 130}) {
      for (const int k : {1, 9, 16, 25, 33, 70}) check_digits(digits(m, c, k, c % 256, false));
    }
  }
  for (const int zero : {0, 255}) {
    check_digits(digits(256, 6, 20, zero, true));
    check_digits(digits(kMaxRows, 6, 20, zero, true));
  }
}

TEST_CASE("qgemm_tn: every kernel equals the formula, below, at and above each vector width") {
  for (const int m : {1, 3, 4, 5, 8, 25, 66}) {
    for (const int c : {1, 6, 8, 10, 15, 16, 17, 33}) {
      for (const int k : {1, 3, 9, 15, 16, 17, 25, 31, 32, 33, 63, 64, 65, 100}) {
        check_all_kernels(Problem(m, c, k, (m * c + k) % 256, false));
      }
    }
  }
}

TEST_CASE("qgemm_tn: rows and channels beyond a cache block continue the same sums") {
  for (const int m : {511, 512, 513, 1023, 1025, 2052}) {
    for (const int k : {9, 25, 70}) {
      for (const int c : {18, 144}) check_all_kernels(Problem(m, c, k, 3, false));
    }
  }
  for (const int c : {255, 256, 257, 530}) check_all_kernels(Problem(7, c, 40, 200, false));
}

TEST_CASE("qgemm_tn: the largest codes at the largest depth do not overflow") {
  for (const int zero : {0, 255}) {
    check_all_kernels(Problem(kMaxRows, 2, 3, zero, true));
    check_all_kernels(Problem(kMaxRows, 17, 20, zero, true));
    check_all_kernels(Problem(kMaxRows, 16, 20, zero, true));
  }
}
