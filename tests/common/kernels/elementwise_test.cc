#include "common/kernels/elementwise/elementwise.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <vector>

#include "common/base/rng.h"

using namespace fedqat;
using namespace fedqat::kernels;

namespace {

std::vector<float> normals(std::size_t n, double scale, std::uint64_t seed) {
  Rng rng({.seed = seed});
  std::vector<float> x(n);
  for (float& v : x) v = static_cast<float>(scale * rng.normal());
  return x;
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

template <class Body>
void for_kernels(Body body) {
  for (const ElementwiseKernels& k : elementwise_kernels()) {
    if (!cpu_has(k.isa)) continue;
    INFO(k.name);
    body(k);
  }
}

}  // namespace

TEST_CASE("requantize: equals rint and clamp in binary32 for every kernel and grid") {
  Rng rng({.seed = 9});
  for (const int width : {1, 6, 16, 67}) {
    for (const OutputGrid grid : {OutputGrid{0, 0, 255}, OutputGrid{131, 0, 255},
                                  OutputGrid{131, 131, 255}, OutputGrid{7, 0, 15}}) {
      const int rows = 5;
      std::vector<std::int32_t> acc(static_cast<std::size_t>(rows * width));
      for (auto& a : acc) a = static_cast<std::int32_t>(rng.next_u32()) >> rng.below(24);
      const auto mult = normals(static_cast<std::size_t>(width), 0.01, 1);
      std::vector<std::uint8_t> y(acc.size());
      for_kernels([&](const ElementwiseKernels& k) {
        k.requantize(acc.data(), rows, width, mult.data(), grid, y.data());
        for (std::size_t i = 0; i < acc.size(); ++i) {
          const float t = static_cast<float>(acc[i]) * mult[i % static_cast<std::size_t>(width)];
          const float code = std::rint(t) + static_cast<float>(grid.zero);
          const float expected =
              std::min(std::max(code, static_cast<float>(grid.low)), static_cast<float>(grid.high));
          REQUIRE(y[i] == expected);
        }
      });
    }
  }
}

TEST_CASE("requantize: halves go to even") {
  const std::vector<std::int32_t> acc = {1, 3, 5, 7, 509, 511};
  const std::vector<float> mult(6, 0.5F);
  for_kernels([&](const ElementwiseKernels& k) {
    std::vector<std::uint8_t> y(6);
    k.requantize(acc.data(), 1, 6, mult.data(), {0, 0, 255}, y.data());
    CHECK(y == std::vector<std::uint8_t>{0, 2, 2, 4, 254, 255});
  });
}

TEST_CASE("backward passes: all kernels give the bits of the scalar one") {
  const int rows = 7, width = 53;
  const auto n = static_cast<std::size_t>(rows * width);
  std::vector<std::int32_t> acc(n);
  Rng rng({.seed = 2});
  for (auto& a : acc) a = static_cast<std::int32_t>(rng.below(60000)) - 20000;
  const auto dy = normals(n, 1, 3);
  const auto mult = std::vector<float>(static_cast<std::size_t>(width), 0.01F);
  const auto w = normals(n, 0.3, 4);
  auto scale = normals(static_cast<std::size_t>(rows), 1, 5);
  for (float& s : scale) s = 0.004F + 0.001F * std::abs(s);

  std::vector<std::vector<float>> results;
  for_kernels([&](const ElementwiseKernels& k) {
    std::vector<float> dv(n), db(mult.size(), 0.5F), ds(mult.size(), 0.25F);
    k.requantize_backward(acc.data(), dy.data(), rows, width, mult.data(), {10, 0, 255}, dv.data(),
                          db.data(), ds.data());
    auto dw = dy;
    std::vector<float> dscale(scale.size());
    k.weights_backward(w.data(), rows, width, scale.data(), 127, 0.02F, dw.data(), dscale.data());
    std::vector<std::int8_t> codes(n);
    std::vector<float> w_hat(n);
    k.quantize_weights(w.data(), rows, width, scale.data(), 127, codes.data(), w_hat.data());
    for (std::size_t i = 0; i < n; ++i) {
      const float s = scale[i / static_cast<std::size_t>(width)];
      REQUIRE(codes[i] == std::rint(std::min(127.0F, std::max(-127.0F, w[i] / s))));
      REQUIRE(w_hat[i] == static_cast<float>(codes[i]) * s);
    }
    std::vector<float> all = dv;
    for (const auto* part : {&db, &ds, &dw, &dscale, &w_hat}) {
      all.insert(all.end(), part->begin(), part->end());
    }
    results.push_back(all);
  });
  for (const auto& r : results) CHECK(same(r, results.back()));
}

TEST_CASE("requantize_backward: gradients follow LSQ's three regions") {
  // mult 1: t is acc itself; grid of 4 bits with zero 0.
  const std::vector<std::int32_t> acc = {-3, 0, 4, 15, 40};
  const std::vector<float> dy(5, 2.0F);
  const std::vector<float> mult = {1, 1, 1.1F, 1, 1};
  for_kernels([&](const ElementwiseKernels& k) {
    std::vector<float> dv(5), db(5), ds(5);
    k.requantize_backward(acc.data(), dy.data(), 1, 5, mult.data(), {0, 0, 15}, dv.data(),
                          db.data(), ds.data());
    CHECK(dv == std::vector<float>{0, 0, 2, 0, 0});
    CHECK(db == dv);
    CHECK(ds[0] == 0);
    CHECK(ds[2] == 2.0F * (4.0F - 4.0F * 1.1F));
    CHECK(ds[3] == 30);
    CHECK(ds[4] == 30);
  });
}

TEST_CASE("sum_rows: adds to the sums row after row, in every kernel") {
  for (const int width : {1, 6, 63, 64, 65, 200}) {
    const auto w = static_cast<std::size_t>(width);
    Rng rng({.seed = w});
    std::vector<float> v(17 * w), start(w);
    for (float& x : v) x = static_cast<float>(rng.normal());
    for (float& x : start) x = static_cast<float>(rng.normal());
    std::vector<float> expected = start;
    for (std::size_t i = 0; i < v.size(); ++i) expected[i % w] += v[i];
    for (const ElementwiseKernels& k : elementwise_kernels()) {
      if (!cpu_has(k.isa)) continue;
      INFO(k.name << " " << width);
      std::vector<float> sums = start;
      k.sum_rows(v.data(), 17, width, sums.data());
      CHECK(sums == expected);
    }
  }
}
