#include "common/codec/codebook_codec.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <limits>
#include <vector>

#include "common/base/rng.h"
#include "common/quant/weight_sharing.h"

using namespace fedqat;

namespace {

std::vector<float> shared_gauss(std::size_t n, int entries) {
  Rng rng({.seed = 2});
  std::vector<float> w(n);
  for (float& v : w) v = static_cast<float>(rng.normal());
  expand(share_weights(w, entries, Spacing::kEven), w);
  return w;
}

}  // namespace

TEST_CASE("codebook codec: weights of few values come back as they were, in fewer bytes") {
  for (const int entries : {1, 2, 16, 256}) {
    const auto w = shared_gauss(20000, entries);
    const auto bytes = encode_codebook(w);
    REQUIRE(bytes);
    CHECK(decode_codebook(*bytes, w.size()).value() == w);
    // 256 even entries over the range of Gauss variables: 6.8 bits each, and 1 KiB of entries.
    CHECK(static_cast<double>(bytes->size()) < 20000 * 7.0 / 8 + 1200);
  }
}

TEST_CASE("codebook codec: more values, or too few weights to win, are left to binary32") {
  std::vector<float> w(1000);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(i);
  CHECK_FALSE(encode_codebook(w));
  CHECK_FALSE(encode_codebook(std::vector<float>{1, 2, 3}));
  CHECK_FALSE(encode_codebook({}));
}

TEST_CASE("codebook codec: any bytes give weights or an error") {
  const auto w = shared_gauss(500, 8);
  const Bytes good = encode_codebook(w).value();
  Rng rng({.seed = 4});
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK(decode_codebook(ByteView(good).first(size), w.size()).error().code == Errc::kCorrupt);
  }
  for (int i = 0; i < 3000; ++i) {
    Bytes bad = good;
    bad[rng.below(static_cast<std::uint32_t>(bad.size()))] ^=
        static_cast<std::byte>(1 + rng.below(255));
    if (const auto got = decode_codebook(bad, w.size())) REQUIRE(got->size() == w.size());
  }
  Bytes nan = good;
  const float value = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(nan.data() + 2, &value, sizeof value);
  CHECK_FALSE(decode_codebook(nan, w.size()));
  CHECK_FALSE(decode_codebook(good, w.size() + 5000));
}
