#include "common/codec/eden.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "common/codec/update_codec.h"

using namespace fedqat;

namespace {

Rng client_rng(std::uint32_t client) {
  return Rng({.seed = 5, .round = 1, .client = client, .purpose = Purpose::kUplinkRound});
}

std::vector<float> gaussian(std::size_t n) {
  Rng rng({.seed = 6});
  std::vector<float> x(n);
  for (float& v : x) v = static_cast<float>(rng.normal());
  return x;
}

// Far from Gaussian: a few great values among small ones.
std::vector<float> heavy(std::size_t n) {
  auto x = gaussian(n);
  for (float& v : x) v = v * v * v;
  return x;
}

std::vector<float> sent(const std::vector<float>& x, const EdenRate& rate, std::uint32_t client) {
  Rng rng = client_rng(client);
  Bytes bytes;
  REQUIRE(encode_eden(x, rate, kFixedLimit, rng, bytes) == 0);
  REQUIRE(bytes.size() == eden_size(x.size(), rate));
  std::vector<float> back(x.size());
  decode_eden(bytes, rate, kFixedLimit, back);
  return back;
}

// Normalized squared error of the mean of `clients` clients that all send x.
double nmse(const std::vector<float>& x, const EdenRate& rate, std::uint32_t clients) {
  std::vector<double> sum(x.size());
  for (std::uint32_t c = 0; c < clients; ++c) {
    const auto back = sent(x, rate, c);
    for (std::size_t i = 0; i < x.size(); ++i) sum[i] += static_cast<double>(back[i]);
  }
  double error = 0, power = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto v = static_cast<double>(x[i]);
    error += (sum[i] / clients - v) * (sum[i] / clients - v);
    power += v * v;
  }
  return error / power;
}

// Exact NMSE of the unbiased codec on a Gaussian, [Vargaftik22]: 1 / (1 - D) - 1, where D is the
// distortion of the Lloyd-Max quantizer.
constexpr double kNmse[] = {0.570796,   0.133121,    0.0357840,   0.00959214,
                            0.00251096, 0.000644655, 0.000163505, 0.0000411868};

double theory(double bits) {
  const auto low = static_cast<int>(std::floor(bits));
  const auto kept = [](int b) { return b == 0 ? 0 : 1 / (1 + kNmse[b - 1]); };
  const double share = bits - low;
  if (share == 0) return kNmse[low - 1];
  return 1 / (share * kept(low + 1) + (1 - share) * kept(low)) - 1;
}

EdenRate rate_of(double bits) {
  const double whole = std::ceil(bits);
  return {static_cast<int>(whole), static_cast<float>(1 - (whole - bits))};
}

}  // namespace

TEST_CASE("eden: the error agrees with theory within 2 % at every number of bits") {
  const double bits = GENERATE(0.5, 1., 1.5, 2., 2.25, 3., 4., 5., 6., 7., 8.);
  CAPTURE(bits);
  CHECK(nmse(gaussian(131072), rate_of(bits), 1) == Approx(theory(bits)).epsilon(0.02));
}

TEST_CASE("eden: updates that are not Gaussian have the same error") {
  const double bits = GENERATE(0.5, 1., 2., 4.);
  CAPTURE(bits);
  CHECK(nmse(heavy(131072), rate_of(bits), 1) == Approx(theory(bits)).epsilon(0.02));
}

TEST_CASE("eden: unbiased, so the error of a mean falls with the number of clients") {
  const double bits = GENERATE(0.5, 1., 2.5);
  constexpr std::uint32_t kClients = 200;
  CAPTURE(bits);
  CHECK(nmse(heavy(4096), rate_of(bits), kClients) * kClients ==
        Approx(theory(bits)).epsilon(0.15));  // a bias of b would add kClients b^2
}

TEST_CASE("eden: any length comes back, and bytes are as the rate says") {
  const std::size_t n = GENERATE(0, 1, 2, 255, 256, 257, 511, 4095, 4096, 4097, 5000);
  const double bits = GENERATE(0.3, 1., 1.7, 8.);
  CAPTURE(n, bits);
  const auto x = gaussian(n);
  const auto back = sent(x, rate_of(bits), 3);
  if (bits == 8 && n > 0) {
    for (std::size_t i = 0; i < n; ++i) CHECK(back[i] == Approx(x[i]).margin(0.05));
  }
  CHECK(sent(std::vector<float>(n), rate_of(bits), 3) == std::vector<float>(n));
}

TEST_CASE("eden: one bit a weight is a 28th of fp32, scales and seed included") {
  CHECK(eden_size(62006, {1, 1}) < 62006 * 4 / 28);
  CHECK(eden_size(4096, {1, 1}) == 4 + 4 + 512);
  CHECK(eden_size(4096, {2, 0.5F}) == 4 + 4 + 512 + 256);
  CHECK(eden_size(4096, {1, 0.5F}) == 4 + 4 + 256);
}

TEST_CASE("eden: values beyond the limit are cut and counted") {
  Rng rng = client_rng(1);
  Bytes bytes;
  std::vector<float> x(300, 1.0F);
  x[7] = 1e30F;
  CHECK(encode_eden(x, {4, 1}, 256, rng, bytes) == 1);
  CHECK(greatest_eden_scale(bytes, x.size(), {4, 1}, 256) > 0);
}

TEST_CASE("eden: any bytes decode inside the limit or are refused") {
  const EdenRate rate = {2, 0.3F};
  const auto x = gaussian(300);
  Rng rng({.seed = 9});
  Bytes good;
  (void)encode_eden(x, rate, kFixedLimit, rng, good);
  std::vector<float> back(x.size());
  for (int i = 0; i < 3000; ++i) {
    Bytes bytes = good;
    for (int k = 0; k < 4; ++k) {
      bytes[rng.below(static_cast<std::uint32_t>(bytes.size()))] = std::byte(rng.next_u32() & 255);
    }
    if (std::isnan(greatest_eden_scale(bytes, x.size(), rate, kFixedLimit))) continue;
    decode_eden(bytes, rate, kFixedLimit, back);
    for (const float v : back) REQUIRE(std::abs(v) <= kFixedLimit);
  }
  Bytes bad = good;
  bad[7] = std::byte{0xff};  // the sign and exponent of the first scale
  CHECK(std::isnan(greatest_eden_scale(bad, x.size(), rate, kFixedLimit)));
  bad = good;
  bad.back() |= std::byte{0x80};  // 256 of 2 bits and 1 bit: 77 and 179 indices
  CHECK(std::isnan(greatest_eden_scale(bad, x.size(), rate, kFixedLimit)));
}
