#include "common/codec/broadcast_codec.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "common/base/rng.h"

using namespace fedqat;

namespace {

const std::vector<BroadcastTensor> kTensors = {{12, 3, 8}, {3, 1, 32}, {4, 2, 8}};

std::vector<float> some_params() {
  Rng rng({.seed = 3});
  std::vector<float> w(19);
  for (float& v : w) v = static_cast<float>(rng.normal());
  w[15] = w[16] = 0;  // a channel of zeros
  return w;
}

}  // namespace

TEST_CASE("broadcast_codec: 8-bit values are within half a step, fp32 ones exact") {
  const auto w = some_params();
  const Bytes bytes = encode_broadcast(kTensors, w);
  REQUIRE(bytes.size() == 3 * 4 + 12 + 3 * 4 + 2 * 4 + 4);
  const auto back = decode_broadcast(kTensors, bytes);
  REQUIRE(back);
  for (std::size_t i = 0; i < w.size(); ++i) {
    if (i >= 12 && i < 15) {
      REQUIRE((*back)[i] == w[i]);
      continue;
    }
    const std::size_t first = i < 12 ? i / 4 * 4 : 15 + (i - 15) / 2 * 2;
    float top = 0;
    for (std::size_t k = first; k < first + (i < 12 ? 4 : 2); ++k)
      top = std::max(top, std::abs(w[k]));
    REQUIRE(std::abs((*back)[i] - w[i]) <= top / 127 * 0.5001F);
  }
}

TEST_CASE("broadcast_codec: what was received is sent on unchanged") {
  const auto once = decode_broadcast(kTensors, encode_broadcast(kTensors, some_params()));
  REQUIRE(*decode_broadcast(kTensors, encode_broadcast(kTensors, *once)) == *once);
}

TEST_CASE("broadcast_codec: any bytes decode to finite values or are refused") {
  Rng rng({.seed = 8});
  const Bytes good = encode_broadcast(kTensors, some_params());
  for (std::size_t n = 0; n < good.size(); ++n) {
    REQUIRE_FALSE(decode_broadcast(kTensors, ByteView(good).first(n)));
  }
  for (int i = 0; i < 20000; ++i) {
    Bytes bytes = good;
    for (int k = 0; k < 4; ++k) {
      bytes[rng.below(static_cast<std::uint32_t>(bytes.size()))] = std::byte(rng.next_u32() & 255);
    }
    const auto back = decode_broadcast(kTensors, bytes);
    if (!back) continue;
    for (const float v : *back) REQUIRE(std::isfinite(v));
  }
  Bytes bad = good;
  bad[12] = std::byte{0x80};
  REQUIRE(decode_broadcast(kTensors, bad).error().what == "model tensor 0: code out of range");
}

namespace {

// A channel of weights with a heavy tail.
std::vector<float> laplace(std::size_t n) {
  Rng rng({.seed = 5});
  std::vector<float> w(n);
  for (float& v : w) {
    const float e = -std::log(1 - rng.uniform());
    v = rng.uniform() < 0.5F ? e : -e;
  }
  return w;
}

std::vector<float> sent(const std::vector<float>& w, int bits, const BroadcastRounding& rounding) {
  const BroadcastTensor tensor[] = {{w.size(), 1, bits}};
  return *decode_broadcast(tensor, encode_broadcast(tensor, w, rounding));
}

double squared_error(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    sum += (double{a[i]} - double{b[i]}) * (double{a[i]} - double{b[i]});
  }
  return sum;
}

// By every scale of a fine grid.
double least_error(const std::vector<float>& w, int bits) {
  const double end = (1 << (bits - 1)) - 1;
  double top = 0, best = 1e300;
  for (const float v : w) top = std::max(top, std::abs(double{v}));
  for (int i = 1; i <= 2000; ++i) {
    const double s = top / end * i / 2000;
    double sum = 0;
    for (const float v : w) {
      const double e = v - s * std::clamp(std::rint(v / s), -end, end);
      sum += e * e;
    }
    best = std::min(best, sum);
  }
  return best;
}

}  // namespace

TEST_CASE("broadcast_codec: a fitted scale has the least squared error") {
  const auto w = laplace(3000);
  for (const int bits : {4, 8}) {
    const double fitted = squared_error(sent(w, bits, {.fit_scale = true}), w);
    CHECK(fitted <= 1.002 * least_error(w, bits));
    CHECK(fitted <= squared_error(sent(w, bits, {}), w));
  }
  CHECK(sent({0, 0, 0}, 4, {.fit_scale = true}) == std::vector<float>{0, 0, 0});
}

TEST_CASE("broadcast_codec: stochastic rounding has mean 0, a share of the way that of the way") {
  const auto w = laplace(200);
  const auto nearest = sent(w, 4, {});
  float top = 0;
  for (const float v : w) top = std::max(top, std::abs(v));
  const float step = top / 7;
  constexpr int kTimes = 4000;
  for (const float share : {0.0F, 0.5F}) {
    std::vector<double> mean(w.size());
    for (std::uint32_t round = 0; round < kTimes; ++round) {
      const auto back = sent(w, 4, {.nearest = share, .random = {.seed = 1, .round = round}});
      for (std::size_t i = 0; i < w.size(); ++i) {
        REQUIRE(std::abs(back[i] - w[i]) < step * 1.0001F);
        mean[i] += double{back[i]} / kTimes;
      }
    }
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double want = w[i] + share * (nearest[i] - w[i]);
      CHECK(std::abs(mean[i] - want) < 5 * 0.5 * double{step} / std::sqrt(double{kTimes}));
    }
  }
  CHECK(sent(w, 4, {.nearest = 1, .random = {.seed = 2}}) == nearest);
}
