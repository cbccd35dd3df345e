#include "common/base/crc32c.h"

#include <catch2/catch.hpp>

#include "common/base/rng.h"
#include "common/crypto/sha256.h"

using namespace fedqat;

TEST_CASE("crc32c: the examples of RFC 3720 B.4 come out") {
  Bytes zeros(32), ones(32, std::byte{255}), up(32), down(32);
  for (std::size_t i = 0; i < 32; ++i) {
    up[i] = std::byte(i);
    down[i] = std::byte(31 - i);
  }
  const auto read_command = from_hex(
      "01c00000000000000000000000000000140000000000040000000014000000182800000000000000"
      "0200000000000000");
  const std::pair<Bytes, std::uint32_t> vectors[] = {{zeros, 0x8a9136aa},
                                                     {ones, 0x62a8ab43},
                                                     {up, 0x46dd794e},
                                                     {down, 0x113fdb5c},
                                                     {*read_command, 0xd9963a56}};
  for (const auto& [bytes, expected] : vectors) {
    CHECK(crc32c(bytes) == expected);
    CHECK(crc32c_table(bytes, 0) == expected);
  }
  CHECK(crc32c({}) == 0);
}

TEST_CASE("crc32c: instruction and table agree at every length and start; pieces give the whole") {
  Rng rng({2, 0, 0, Purpose::kTest});
  Bytes bytes(100);
  for (std::byte& b : bytes) b = std::byte(rng.next_u32() & 255);
  for (std::size_t first = 0; first < 9; ++first) {
    for (std::size_t n = 0; n + first <= bytes.size(); ++n) {
      const ByteView part = ByteView(bytes).subspan(first, n);
      const std::uint32_t whole = crc32c(part, 77);
      REQUIRE(whole == crc32c_table(part, 77));
      REQUIRE(crc32c(part.subspan(n / 3), crc32c(part.first(n / 3), 77)) == whole);
    }
  }
}
