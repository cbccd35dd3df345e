#include "common/codec/sparse.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <vector>

#include "common/codec/update_codec.h"

using namespace fedqat;

namespace {

std::vector<float> gaussian(std::size_t n) {
  Rng rng({.seed = 6});
  std::vector<float> x(n);
  for (float& v : x) v = static_cast<float>(rng.normal());
  return x;
}

Bytes sent(const std::vector<float>& x, const SparseRate& rate) {
  Bytes bytes;
  encode_sparse(x, rate, kFixedLimit, bytes);
  return bytes;
}

std::vector<float> received(const Bytes& bytes, const SparseRate& rate, std::size_t n) {
  REQUIRE(sparse_size(bytes, n, rate) == bytes.size());
  REQUIRE(bytes.size() <= most_sparse_size(n, rate));
  std::vector<float> values(n);
  REQUIRE(decode_sparse(bytes, rate, kFixedLimit, values));
  return values;
}

double nmse(const std::vector<float>& x, const SparseRate& rate) {
  const auto back = received(sent(x, rate), rate, x.size());
  double error = 0, power = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    error += std::pow(double{x[i]} - double{back[i]}, 2);
    power += std::pow(double{x[i]}, 2);
  }
  return error / power;
}

// Of a Gaussian: the threshold t that a share p exceeds in magnitude.
double threshold(double p) {
  double low = 0, high = 10;
  for (int i = 0; i < 60; ++i) {
    const double t = (low + high) / 2;
    (std::erfc(t / std::sqrt(2)) > p ? low : high) = t;
  }
  return low;
}

double density(double t) { return std::exp(-t * t / 2) / std::sqrt(2 * M_PI); }

}  // namespace

TEST_CASE("sparse: the error of a Gaussian agrees with theory within 2 %") {
  const auto x = gaussian(131072);
  for (const double share : {0.01, 0.1, 0.5}) {
    CAPTURE(share);
    const double t = threshold(share);
    // Of signs and a mean magnitude m: 1 - p m^2; of the values themselves what is left out.
    const double mean = 2 * density(t) / share, kept = share + 2 * t * density(t);
    CHECK(nmse(x, {2, float(share)}) == Approx(1 - share * mean * mean).epsilon(0.02));
    CHECK(nmse(x, {8, float(share)}) == Approx(1 - kept).epsilon(0.02).margin(1e-4));
  }
  CHECK(nmse(x, {8, 1}) < 2e-4);
}

TEST_CASE("sparse: what is sent are the greatest changes, of equal ones the first") {
  const std::vector<float> x = {0.5F, -2, 0.5F, 1, -0.5F, 0};
  CHECK(received(sent(x, {8, 0.34F}), {8, 0.34F}, 6)[0] == Approx(0.5).margin(0.01));
  const auto three = received(sent(x, {2, 0.5F}), {2, 0.5F}, 6);
  CHECK(three == std::vector<float>{3.5F / 3, -3.5F / 3, 0, 3.5F / 3, 0, 0});
  const auto one = received(sent(x, {5, 0.01F}), {5, 0.01F}, 6);
  CHECK(one == std::vector<float>{0, -2, 0, 0, 0, 0});
}

TEST_CASE("sparse: a hundredth of the weights takes far less than a bit for each") {
  const auto x = gaussian(50000);
  // Entropy of places and signs: 0.081 + 0.01 bits.
  CHECK(8.0 * double(sent(x, {2, 0.01F}).size()) / 50000 < 0.1);
  CHECK(8.0 * double(sent(x, {8, 0.01F}).size()) / 50000 < 0.18);
}

TEST_CASE("sparse: any length, zeros and values beyond the limit") {
  const std::size_t n = GENERATE(0, 1, 2, 7, 300);
  const int bits = GENERATE(2, 3, 8);
  const SparseRate rate{bits, 0.3F};
  received(sent(gaussian(n), rate), rate, n);
  CHECK(received(sent(std::vector<float>(n), rate), rate, n) == std::vector<float>(n));
  const std::vector<float> tiny(n, 1e-45F);
  received(sent(tiny, rate), rate, n);
  Bytes bytes;
  const std::vector<float> great = {3 * kFixedLimit, 1};
  CHECK(encode_sparse(great, rate, kFixedLimit, bytes) == 1);
  CHECK(received(bytes, rate, 2)[0] == kFixedLimit);
}

TEST_CASE("sparse: damaged bytes are refused or are values within the limit") {
  const std::size_t n = 90;
  const SparseRate rate{GENERATE(2, 4), 0.2F};
  const Bytes good = sent(gaussian(n), rate);
  std::vector<float> values(n);
  for (std::size_t i = 0; i < good.size(); ++i) {
    CHECK_FALSE(sparse_size(ByteView(good).first(i), n, rate));
    for (int bit = 0; bit < 8; ++bit) {
      Bytes bad = good;
      bad[i] ^= std::byte{1} << bit;
      const auto size = sparse_size(bad, n, rate);
      if (!size || !decode_sparse(ByteView(bad).first(*size), rate, kFixedLimit, values)) continue;
      for (const float v : values) CHECK(std::abs(v) <= kFixedLimit);
    }
  }
  CHECK_FALSE(decode_sparse(good, {rate.bits, 0.1F}, kFixedLimit, values));  // more than may be
  for (const float range : {-1.0F, 0.0F, -0.0F, 2 * kFixedLimit, std::nanf("")}) {
    Bytes bad = good;
    std::memcpy(bad.data(), &range, sizeof range);
    CHECK_FALSE(decode_sparse(bad, rate, kFixedLimit, values));
  }
}
