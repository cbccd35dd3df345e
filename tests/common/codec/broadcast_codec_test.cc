#include "common/codec/broadcast_codec.h"

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
