#include "common/codec/dither.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <vector>

#include "common/codec/update_codec.h"

using namespace fedqat;

namespace {

Rng client_rng(std::uint32_t client) {
  return Rng({.seed = 5, .round = 1, .client = client, .purpose = Purpose::kUplinkRound});
}

std::vector<float> gaussian(std::size_t n, float deviation) {
  Rng rng({.seed = 6});
  std::vector<float> x(n);
  for (float& v : x) v = deviation * static_cast<float>(rng.normal());
  return x;
}

Bytes sent(const std::vector<float>& x, const DitherRate& rate, std::uint32_t client) {
  Rng rng = client_rng(client);
  Bytes bytes;
  encode_dither(x, rate, kFixedLimit, rng, bytes);
  return bytes;
}

std::vector<double> received(const Bytes& bytes, const DitherRate& rate, std::size_t n) {
  REQUIRE(dither_size(bytes, n, rate) == bytes.size());
  REQUIRE(bytes.size() <= most_dither_size(n, rate));
  std::vector<std::int16_t> units(n);
  REQUIRE(decode_dither(bytes, rate, kFixedLimit, units));
  std::vector<double> values;
  for (const auto u : units) values.push_back(u * dither_step(bytes, rate) / kDitherUnits);
  return values;
}

// Mean of the squared error of `clients` clients' mean, in squared steps.
double squared_error(const std::vector<float>& x, const DitherRate& rate, std::uint32_t clients) {
  std::vector<double> sum(x.size());
  double step = 0;
  for (std::uint32_t c = 0; c < clients; ++c) {
    const Bytes bytes = sent(x, rate, c);
    const auto back = received(bytes, rate, x.size());
    for (std::size_t i = 0; i < x.size(); ++i) sum[i] += back[i];
    step = dither_step(bytes, rate);
  }
  double error = 0;
  for (std::size_t i = 0; i < x.size(); ++i) error += std::pow(sum[i] / clients - double{x[i]}, 2);
  return error / double(x.size()) / (step * step);
}

}  // namespace

TEST_CASE("dither: the error is a twelfth of the squared step, whatever the values") {
  const int bits = GENERATE(2, 3, 5, 8);
  const auto top = static_cast<float>((1 << (bits - 1)) - 1);
  CAPTURE(bits);
  for (const float share : {0.9F, 0.1F, 0.001F}) {  // of the grid that the greatest value takes
    std::vector<float> x = gaussian(60000, 0.2F);
    for (float& v : x) v = std::clamp(v, -1.0F, 1.0F) * share;
    // The error of noise that is known, not that of stochastic rounding, which grows with x.
    CHECK(squared_error(x, {bits, 1 / top}, 1) == Approx(1.0 / 12).epsilon(0.02));
  }
  CHECK(squared_error(gaussian(60000, 0.3F), {bits, 0}, 1) == Approx(1.0 / 12).epsilon(0.02));
}

TEST_CASE("dither: unbiased, so the error of a mean falls with the number of clients") {
  constexpr std::uint32_t kClients = 300;
  const float step = GENERATE(0.0F, 0.5F);
  std::vector<float> x = gaussian(2000, 0.3F);
  for (float& v : x) v = std::clamp(v, -1.4F, 1.4F);
  CHECK(squared_error(x, {3, step}, kClients) * kClients == Approx(1.0 / 12).epsilon(0.1));
}

TEST_CASE("dither: small updates take fewer bytes than their bits") {
  const std::size_t n = 60000;
  const auto bits_of = [&](float deviation) {
    return 8.0 * double(sent(gaussian(n, deviation), {8, 1}, 1).size()) / double(n);
  };
  // Entropy of a Gaussian with variance s^2 + 1/12 on a grid of 1, known noise given.
  CHECK(bits_of(20) == Approx(std::log2(20 * std::sqrt(2 * M_PI * M_E))).epsilon(0.03));
  CHECK(bits_of(3) == Approx(std::log2(3 * std::sqrt(2 * M_PI * M_E))).epsilon(0.03));
  CHECK(bits_of(0.1F) < 1.1);
  CHECK(bits_of(1000) <= 8.01);  // never more than packed codes
}

TEST_CASE("dither: any length comes back, and what is beyond the grid is cut and counted") {
  const std::size_t n = GENERATE(0, 1, 2, 3, 4, 5, 255, 1000);
  const float step = GENERATE(0.0F, 0.01F);
  const auto x = gaussian(n, 0.2F);
  const auto back = received(sent(x, {8, step}, 3), {8, step}, n);
  for (std::size_t i = 0; i < n; ++i) {
    CHECK(back[i] == Approx(double{x[i]}).margin(step == 0 ? 0.01 : 0.0051));
  }
  Rng rng = client_rng(1);
  Bytes bytes;
  CHECK(encode_dither(std::vector<float>{1, -2, 0.2F, 0}, {3, 0.1F}, kFixedLimit, rng, bytes) == 2);
  const auto cut = received(bytes, {3, 0.1F}, 4);
  CHECK(cut[0] == Approx(0.3).margin(0.051));
  CHECK(cut[1] == Approx(-0.3).margin(0.051));
  const std::vector<float> great = {2 * kFixedLimit, 1};
  CHECK(encode_dither(great, {3, 0}, kFixedLimit, rng, bytes = {}) == 1);
  const auto zeros = received(sent(std::vector<float>(n), {4, 0}, 3), {4, 0}, n);
  CHECK(zeros == std::vector<double>(n));
}

TEST_CASE("dither: damaged bytes are refused or are some codes, never worse") {
  const float step = GENERATE(0.0F, 0.01F);
  const std::size_t n = 70;
  const DitherRate rate{4, step};
  const Bytes good = sent(gaussian(n, 0.02F), rate, 1);
  std::vector<std::int16_t> units(n);
  for (std::size_t i = 0; i < good.size(); ++i) {
    CHECK_FALSE(dither_size(ByteView(good).first(i), n, rate));
    for (const int bit : {0, 5, 7}) {
      Bytes bad = good;
      bad[i] ^= std::byte{1} << bit;
      const auto size = dither_size(bad, n, rate);
      if (!size || !decode_dither(ByteView(bad).first(*size), rate, kFixedLimit, units)) continue;
      for (const auto u : units) CHECK(std::abs(dither_code(u)) <= 7);
    }
  }
  if (step != 0) return;
  for (const float range : {-1.0F, 2 * kFixedLimit, std::nanf(""), -0.0F}) {
    Bytes bad = good;
    std::memcpy(bad.data(), &range, sizeof range);
    CHECK_FALSE(decode_dither(bad, rate, kFixedLimit, units));
  }
}
