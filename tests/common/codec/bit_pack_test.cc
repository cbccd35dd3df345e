#include "common/codec/bit_pack.h"

#include <catch2/catch.hpp>
#include <vector>

#include "common/base/rng.h"

using namespace fedqat;

namespace {

std::vector<std::int16_t> random_codes(std::size_t n, int bits, Rng& rng) {
  std::vector<std::int16_t> codes(n);
  for (auto& c : codes) {
    const auto width = static_cast<std::uint32_t>(2 * max_code(bits) + 1);
    c = static_cast<std::int16_t>(static_cast<int>(rng.below(width)) - max_code(bits));
  }
  return codes;
}

}  // namespace

TEST_CASE("bit_pack: codes come back at every width and odd lengths") {
  const int bits = GENERATE(range(kMinCodeBits, kMaxCodeBits + 1));
  const std::size_t n = GENERATE(0, 1, 2, 3, 7, 8, 9, 63, 64, 65, 1023, 1024, 1025);
  CAPTURE(bits, n);
  Rng rng({.seed = 11, .round = static_cast<std::uint32_t>(bits)});
  const auto codes = random_codes(n, bits, rng);
  Bytes packed(3);  // what is there stays
  pack_codes(codes, bits, packed);
  REQUIRE(packed.size() == 3 + packed_size(n, bits));
  const ByteView stream = ByteView(packed).subspan(3);
  REQUIRE(packed_is_valid(stream, n, bits));
  for (const std::size_t first : {std::size_t{0}, n / 3, n}) {
    std::vector<std::int16_t> back(n - first);
    unpack_codes(stream, bits, first, back);
    REQUIRE(std::equal(back.begin(), back.end(), codes.begin() + static_cast<long>(first)));
  }
}

TEST_CASE("bit_pack: the layout is the documented one") {
  Bytes packed;
  pack_codes(std::vector<std::int16_t>{1, -1, -3, 3}, 3, packed);  // 001 111 101 011
  REQUIRE(packed == Bytes{std::byte{0b01111001}, std::byte{0b00000111}});
}

TEST_CASE("bit_pack: the most negative code and set padding bits are refused") {
  const int bits = GENERATE(range(kMinCodeBits, kMaxCodeBits + 1));
  CAPTURE(bits);
  const std::size_t n = 3;
  Bytes packed;
  pack_codes(std::vector<std::int16_t>(n, 0), bits, packed);
  const int sign = bits - 1;  // only the sign bit of code 0: -2^(bits-1)
  packed[static_cast<std::size_t>(sign / 8)] |= std::byte(1U << (sign % 8));
  REQUIRE_FALSE(packed_is_valid(packed, n, bits));
  Bytes padded;
  pack_codes(std::vector<std::int16_t>(n, 0), bits, padded);
  if (n * static_cast<std::size_t>(bits) % 8 != 0) {
    padded.back() |= std::byte{0x80};
    REQUIRE_FALSE(packed_is_valid(padded, n, bits));
  }
  REQUIRE_FALSE(packed_is_valid(ByteView(padded).first(padded.size() - 1), n, bits));
}
