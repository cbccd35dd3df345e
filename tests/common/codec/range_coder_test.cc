#include "common/codec/range_coder.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "common/base/rng.h"

using namespace fedqat;

namespace {

// Symbols with probabilities proportional to ratio^k.
std::vector<std::uint8_t> geometric(std::size_t n, int kinds, double ratio, std::uint64_t seed) {
  Rng rng({.seed = seed});
  std::vector<std::uint8_t> out(n);
  for (auto& s : out) {
    int k = 0;
    while (k + 1 < kinds && rng.uniform_double() < ratio) ++k;
    s = static_cast<std::uint8_t>(k);
  }
  return out;
}

double entropy_bits(const std::vector<std::uint8_t>& symbols) {
  std::vector<double> count(256);
  for (const auto s : symbols) ++count[s];
  double bits = 0;
  for (const double n : count) {
    if (n > 0) bits -= n * std::log2(n / static_cast<double>(symbols.size()));
  }
  return bits;
}

}  // namespace

TEST_CASE("range coder: what was encoded comes back, in bits near the entropy") {
  for (const int kinds : {2, 3, 16, 255, 256}) {
    for (const double ratio : {0.1, 0.5, 0.9, 0.99}) {
      CAPTURE(kinds, ratio);
      const auto symbols = geometric(20000, kinds, ratio, 3);
      const Bytes bytes = encode_symbols(symbols, kinds);
      CHECK(decode_symbols(bytes, symbols.size(), kinds).value() == symbols);
      // Learning the frequencies costs about 10 bits a symbol kind.
      CHECK(8.0 * static_cast<double>(bytes.size()) <
            1.02 * entropy_bits(symbols) + 12 * kinds + 40);
    }
  }
}

TEST_CASE("range coder: short and one-sided sequences, where carries run through") {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    const auto symbols = geometric(seed % 60, 2, seed % 3 == 0 ? 0.999 : 0.5, seed);
    const Bytes bytes = encode_symbols(symbols, 2);
    REQUIRE(decode_symbols(bytes, symbols.size(), 2).value() == symbols);
  }
  const std::vector<std::uint8_t> last(100000, 255);
  CHECK(decode_symbols(encode_symbols(last, 256), last.size(), 256).value() == last);
}

TEST_CASE("range coder: any bytes give symbols or an error") {
  Rng rng({.seed = 9});
  for (int i = 0; i < 2000; ++i) {
    Bytes bytes(rng.below(40));
    for (auto& b : bytes) b = static_cast<std::byte>(rng.below(256));
    const auto symbols = decode_symbols(bytes, 30, 7);
    if (symbols) {
      for (const auto s : *symbols) REQUIRE(s < 7);
    } else {
      REQUIRE(symbols.error().code == Errc::kCorrupt);
    }
  }
  Bytes whole = encode_symbols(geometric(500, 8, 0.5, 1), 8);
  CHECK(decode_symbols(ByteView(whole).first(whole.size() - 1), 500, 8).error().code ==
        Errc::kCorrupt);
  whole.push_back(std::byte{0});
  CHECK(decode_symbols(whole, 500, 8).error().code == Errc::kCorrupt);
}
