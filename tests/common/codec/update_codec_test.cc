#include "common/codec/update_codec.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "common/codec/bit_pack.h"

using namespace fedqat;

namespace {

Rng round_rng(std::uint32_t client) {
  return Rng({.seed = 5, .round = 1, .client = client, .purpose = Purpose::kUplinkRound});
}

std::vector<float> gaussian(std::size_t n, double sigma) {
  Rng rng({.seed = 6});
  std::vector<float> x(n);
  for (float& v : x) v = static_cast<float>(sigma * rng.normal());
  return x;
}

UpdateGrid one(std::size_t n, int bits, float step) { return {{n, bits, step}}; }

}  // namespace

TEST_CASE("update_codec: values on the grid come back exactly at every width and length") {
  const int bits = GENERATE(range(kMinCodeBits, kMaxCodeBits + 1));
  const std::size_t n = GENERATE(1, 2, 7, 8, 9, 33, 1000);
  CAPTURE(bits, n);
  const float step = 0x1p-9F;
  std::vector<float> delta(n);
  for (std::size_t i = 0; i < n; ++i) {
    const int span = 2 * max_code(bits) + 1;
    delta[i] = step * static_cast<float>(static_cast<int>(i * 7919) % span - max_code(bits));
  }
  const auto grid = one(n, bits, step);
  const auto update = encode_update(grid, delta, round_rng(1));
  REQUIRE(update);
  REQUIRE(payload_size(grid) == PayloadSize{update->payload.size(), update->payload.size()});
  REQUIRE(update->clipped == 0);
  REQUIRE(*decode_update(grid, update->payload) == delta);
}

TEST_CASE("update_codec: tensors of several widths share one payload") {
  const UpdateGrid grid = {{5, 3, 0.5F}, {4, 0, 1}, {3, 32, 1}, {9, 16, 0x1p-10F}};
  const std::vector<float> delta = {0.5F, -0.5F, 1.5F, -1.5F, 0, 9, 9, 9, 9, 0.1F, -0.2F,
                                    100,  0.25F, 1,    2,     3, 4, 5, 6, 7, 0.5F};
  const auto update = encode_update(grid, delta, round_rng(1));
  REQUIRE(update);
  REQUIRE(update->payload.size() == 2 + 0 + 12 + 18);
  auto want = delta;
  for (std::size_t i = 5; i < 9; ++i) want[i] = 0;  // not sent
  REQUIRE(*decode_update(grid, update->payload) == want);
  REQUIRE(update->max_abs == std::vector<float>{1.5F, 9, 100, 7});
}

TEST_CASE("update_codec: stochastic rounding is unbiased within 5 standard errors") {
  const int bits = GENERATE(2, 4, 8, 16);
  CAPTURE(bits);
  const float step = 1.0F / static_cast<float>(max_code(bits));
  const auto grid = one(4, bits, step);
  const std::vector<float> delta = {0.3F * step, -0.75F * step, 0.9F, -0.123F};
  constexpr int kDraws = 20000;
  std::vector<double> sum(4);
  for (std::uint32_t k = 0; k < kDraws; ++k) {
    const auto back = decode_update(grid, encode_update(grid, delta, round_rng(k))->payload);
    for (std::size_t i = 0; i < 4; ++i) sum[i] += (*back)[i];
  }
  for (std::size_t i = 0; i < 4; ++i) {
    const double x = static_cast<double>(delta[i]) / static_cast<double>(step);
    const double f = x - std::floor(x);
    const double error = static_cast<double>(step) * std::sqrt(f * (1 - f) / kDraws);
    CAPTURE(i, f);
    REQUIRE(std::abs(sum[i] / kDraws - static_cast<double>(delta[i])) <= 5 * error + 1e-7);
  }
}

TEST_CASE("update_codec: error over a Gaussian agrees with theory") {
  // Unit variance, max-abs grid. Per value E (f (1 - f)) = 1/6 of a squared step
  // where the step is small against sigma.
  const int bits = GENERATE(5, 6, 8, 10);
  const std::size_t n = 65536;
  const auto delta = gaussian(n, 1);
  float top = 0;
  double power = 0;
  for (const float v : delta) {
    top = std::max(top, std::abs(v));
    power += static_cast<double>(v) * static_cast<double>(v);
  }
  const auto grid = one(n, bits, top / static_cast<float>(max_code(bits)));
  const auto update = encode_update(grid, delta, round_rng(3));
  const auto back = decode_update(grid, update->payload);
  double error = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double e = static_cast<double>((*back)[i]) - static_cast<double>(delta[i]);
    error += e * e;
  }
  const double step = static_cast<double>(grid[0].step);
  const double theory = step * step / 6 * static_cast<double>(n) / power;
  CAPTURE(bits, error / power, theory);
  // Relative deviation of a mean of n values f (1 - f) with u: below 3 / sqrt(n).
  REQUIRE(error / power == Approx(theory).epsilon(0.02));
  REQUIRE(update->clipped <= 1);
}

TEST_CASE("update_codec: values beyond the grid are clipped and counted") {
  const auto grid = one(4, 8, 0.01F);
  const auto update = encode_update(grid, std::vector<float>{2, -2, 1, 0}, round_rng(1));
  REQUIRE(update->clipped == 2);
  const auto back = decode_update(grid, update->payload);
  REQUIRE((*back)[0] == 0.01F * 127);
  REQUIRE((*back)[1] == -0.01F * 127);
}

TEST_CASE("update_codec: an update that is not finite is not sent") {
  const float bad =
      GENERATE(std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN());
  const int bits = GENERATE(0, 8, 32);
  REQUIRE_FALSE(encode_update(one(2, bits, 1), std::vector<float>{1, bad}, round_rng(1)));
}

TEST_CASE("update_codec: fp32 payloads refuse what the exact sum cannot hold") {
  const auto grid = one(1, 32, 1);
  const auto payload = [](float v) {
    Bytes b(4);
    std::memcpy(b.data(), &v, 4);
    return b;
  };
  REQUIRE(check_payload(grid, payload(kFixedLimit)));
  REQUIRE_FALSE(check_payload(grid, payload(257)));
  REQUIRE_FALSE(check_payload(grid, payload(std::numeric_limits<float>::infinity())));
  REQUIRE_FALSE(check_payload(grid, payload(std::numeric_limits<float>::quiet_NaN())));
  REQUIRE(max_code(grid[0]) == std::int64_t{1} << 38);
}

TEST_CASE("update_codec: any bytes decode or are refused") {
  Rng rng({.seed = 7});
  const UpdateGrid grid = {{13, 5, 0.1F}, {7, 32, 1}, {11, 8, 0.2F}, {3, 16, 0.3F}, {2, 0, 1}};
  const std::size_t size = payload_size(grid).most;
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    Bytes bytes(i % 3 == 0 ? rng.below(2 * static_cast<std::uint32_t>(size)) : size);
    for (std::byte& b : bytes) b = std::byte(rng.next_u32() & (i % 2 == 0 ? 0x3F : 0xFF));
    const auto back = decode_update(grid, bytes);
    if (!back) continue;
    ++accepted;
    for (const float v : *back) REQUIRE(std::isfinite(v));
  }
  REQUIRE(accepted > 0);
}

TEST_CASE("update_codec: grids from a peer are checked") {
  REQUIRE(check_grid(one(1, 2, 1)));
  REQUIRE(check_grid(one(1, 1, 1)));
  REQUIRE_FALSE(check_grid(one(1, 17, 1)));
  REQUIRE_FALSE(check_grid(one(1, 8, 0)));
  REQUIRE_FALSE(check_grid(one(1, 8, std::numeric_limits<float>::infinity())));
}

TEST_CASE("update_codec: one bit is the sign, unbiased, with the variance of its range") {
  // E (step sign - x)^2 = step^2 - x^2.
  constexpr std::size_t kSize = 65536;
  const auto x = gaussian(kSize, 1);
  const float step = 5;
  const auto grid = one(kSize, 1, step);
  REQUIRE(check_grid(grid));
  const auto update = encode_update(grid, x, round_rng(4));
  REQUIRE(update->payload.size() == kSize / 8);
  const auto back = decode_update(grid, update->payload);
  double error = 0, along = 0, power = 0;
  for (std::size_t i = 0; i < kSize; ++i) {
    const auto v = static_cast<double>(x[i]), b = static_cast<double>((*back)[i]);
    error += (b - v) * (b - v);
    along += b * v;
    power += v * v;
  }
  const double s = static_cast<double>(step);
  CHECK(error / power == Approx(s * s * kSize / power - 1).epsilon(0.02));
  CHECK(along / power == Approx(1).margin(5 * s / std::sqrt(power)));
}
