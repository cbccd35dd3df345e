// The passes of the int8 backward pass against their formulas, for every kernel.
#include "common/kernels/gradient/gradient.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "common/base/rng.h"
#include "common/kernels/qgemm/qgemm.h"

using namespace fedqat;
using namespace fedqat::kernels;

namespace {

template <class Body>
void for_kernels(Body body) {
  for (const GradientKernels& k : gradient_kernels()) {
    if (!cpu_has(k.isa)) continue;
    INFO(k.name);
    body(k);
  }
}

// A matrix with values of many magnitudes, a third of them clipped.
struct Matrix {
  std::vector<float> dy, scale;
  std::vector<std::int8_t> residual;
  std::vector<std::uint8_t> y, random;
  int width;

  Matrix(std::size_t count, int columns) : width(columns) {
    Rng rng({.seed = count});
    for (std::size_t i = 0; i < count; ++i) {
      dy.push_back(static_cast<float>(rng.normal() * std::exp2(-static_cast<double>(i % 12))));
      residual.push_back(i % 3 == 1 ? kClipped : static_cast<std::int8_t>(rng.below(255) - 127U));
      y.push_back(static_cast<std::uint8_t>(rng.below(256)));
      random.push_back(static_cast<std::uint8_t>(rng.below(256)));
    }
    for (int i = 0; i < columns; ++i) scale.push_back(0.001F * static_cast<float>(1 + i));
  }
  GradientMatrix view() const {
    return {dy.data(), residual.data(), y.data(), static_cast<std::ptrdiff_t>(dy.size()),
            width,     scale.data()};
  }
  float h(std::size_t i) const { return dy[i] * scale[i % static_cast<std::size_t>(width)]; }
};

const std::pair<std::size_t, int> kSizes[] = {{1, 1}, {7, 5}, {67, 67}, {515, 258}, {1024, 256}};

}  // namespace

TEST_CASE("gradient: random bytes are Philox blocks, word by word in groups of 16") {
  const RandomKey key = {11, 22, 33, 44};
  for_kernels([&](const GradientKernels& k) {
    std::vector<std::uint8_t> bytes(3 * kRandomGroup);
    k.random_bytes(key, 9, 5, 3, bytes.data());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const std::size_t at = i + 5 * kRandomGroup;
      const auto block = static_cast<std::uint32_t>(16 * (at / 256) + at / 4 % 16);
      const auto words = philox4x32({block, 9, 33, 44}, {11, 22});
      REQUIRE(bytes[i] == static_cast<std::uint8_t>(words[at / 64 % 4] >> (8 * (at % 4))));
    }
  });
}

TEST_CASE("gradient: the range and the scale's gradient pass over what was clipped") {
  for (const auto& [count, width] : kSizes) {
    const Matrix m(count, width);
    std::vector<float> expected(static_cast<std::size_t>(width), 0.5F);
    float range = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const bool clipped = m.residual[i] == kClipped;
      const float error = static_cast<float>(m.residual[i]) * (1.0F / 254.0F);
      expected[i % expected.size()] +=
          m.dy[i] * (clipped ? static_cast<float>(m.y[i] - 100) : error);
      if (!clipped) range = std::max(range, std::abs(m.h(i)));
    }
    for_kernels([&](const GradientKernels& k) {
      std::vector<float> lanes(static_cast<std::size_t>(width), 0.5F);
      CHECK(k.range(m.view(), 100, lanes.data()) == range);
      CHECK(lanes == expected);
    });
  }
}

TEST_CASE("gradient: codes are rounded half to even to 16 bits, at random to 8") {
  for (const auto& [count, width] : kSizes) {
    const Matrix m(count, width);
    for (const float inverse : {1e3F, 3e7F}) {  // the second clips
      for_kernels([&](const GradientKernels& k) {
        std::vector<std::int16_t> q16(count);
        std::vector<std::uint8_t> q8(count);
        k.quantize(m.view(), inverse, m.random.data(), q16.data(), q8.data());
        for (std::size_t i = 0; i < count; ++i) {
          const float t = std::rint(std::min(std::max(m.h(i) * inverse, -32512.0F), 32512.0F));
          const int q = m.residual[i] == kClipped ? 0 : static_cast<int>(t);
          REQUIRE(q16[i] == q);
          REQUIRE(q8[i] == 128 + ((q + m.random[i]) >> 8));
        }
      });
    }
  }
}

TEST_CASE("gradient: digits of four rows lie in quads and make up the code") {
  for (const std::size_t n : {1, 6, 33, 64}) {
    std::vector<std::int16_t> q(4 * n);
    for (std::size_t i = 0; i < q.size(); ++i) {
      q[i] = static_cast<std::int16_t>(i == 0   ? 32512
                                       : i == 1 ? -32512
                                                : static_cast<int>(i * 9973 % 65025) - 32512);
    }
    for_kernels([&](const GradientKernels& k) {
      std::vector<std::int8_t> digits(8 * n);
      k.split_digits(q.data(), static_cast<std::ptrdiff_t>(n), digits.data());
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t r = 0; r < 4; ++r) {
          REQUIRE(256 * digits[8 * i + r] + digits[8 * i + 4 + r] == q[r * n + i]);
        }
      }
    });
  }
}

TEST_CASE("gradient: sums become real values in one order of operations") {
  Rng rng({.seed = 5});
  for (const int width : {1, 16, 37, 133}) {
    const auto n = static_cast<std::size_t>(width);
    std::vector<std::int32_t> digits(2 * n);
    for (auto& d : digits) d = static_cast<std::int32_t>(rng.next_u32()) >> rng.below(12);
    std::vector<float> earlier, w;
    for (std::size_t i = 0; i < n; ++i) {
      earlier.push_back(static_cast<float>(1e9 * rng.normal()));
      w.push_back(static_cast<float>(rng.normal()));
    }
    const float s = 0.02F, factor = 1e-7F, limit = 127;
    for (const bool more : {false, true}) {
      std::vector<float> sum, dw, scaled;
      std::vector<std::int8_t> codes;
      float lanes[16] = {}, dscale = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const std::int64_t all = 256 * std::int64_t{digits[i]} + digits[n + i];
        const float joined = 256.0F * static_cast<float>(all >> 8) + static_cast<float>(all & 255);
        sum.push_back(more ? earlier[i] + joined : joined);
        const float t = w[i] / s;
        codes.push_back(static_cast<std::int8_t>(std::rint(std::min(std::max(t, -limit), limit))));
        const float g = sum[i] * factor;
        const bool inside = t > -limit && t < limit;
        dw.push_back(inside ? g : 0.0F);
        lanes[i % 16] +=
            g * (std::rint(std::min(std::max(t, -limit), limit)) - (inside ? t : 0.0F));
        scaled.push_back(static_cast<float>(digits[i]) * factor);
      }
      for (const float lane : lanes) dscale += lane;
      for_kernels([&](const GradientKernels& k) {
        const WeightSums sums{digits.data(), width, more ? earlier.data() : nullptr};
        std::vector<float> got(n, 1.0F);
        k.join_digits(sums, width, got.data());
        CHECK(got == sum);
        std::vector<std::int8_t> got_codes(n);
        k.weight_codes(w.data(), width, s, 127, got_codes.data());
        CHECK(got_codes == codes);
        CHECK(k.weights(sums, w.data(), s, width, 127, factor, got.data()) == dscale);
        CHECK(got == dw);
        std::vector<float> dx(n, 2.0F), expected = scaled;
        k.scale_sums(digits.data(), width, factor, more, dx.data());
        for (float& v : expected) v = more ? 2.0F + v : v;
        CHECK(dx == expected);
      });
    }
  }
}
