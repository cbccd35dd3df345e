#include "common/crypto/base64.h"

#include <catch2/catch.hpp>

#include "common/base/fs.h"
#include "common/base/rng.h"
#include "common/crypto/sha256.h"

using namespace fedqat;

TEST_CASE("base64: the vectors of RFC 4648 section 10 come out, without padding") {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : vectors) {
    CHECK(to_base64url(as_bytes(plain)) == text);
    REQUIRE(from_base64url(text));
    CHECK(as_text(*from_base64url(text)) == plain);
  }
  CHECK(to_base64url(*from_hex("fbff")) == "-_8");
}

TEST_CASE("base64: all lengths come back") {
  Rng rng({1, 0, 0, Purpose::kTest});
  for (std::size_t n = 0; n < 100; ++n) {
    Bytes bytes(n);
    for (std::byte& b : bytes) b = std::byte(rng.next_u32() & 255);
    CHECK(from_base64url(to_base64url(bytes)) == bytes);
    CHECK(from_hex(to_hex(bytes)) == bytes);
  }
}

TEST_CASE("base64: text that no encoder makes is refused") {
  for (const char* text :
       {"Z", "Zg==", "Zg ", " Zg", "Z+8_", "Zm9/", "Zh", "Zm9", "Zm8\n", "Zmé"}) {
    CAPTURE(text);
    CHECK_FALSE(from_base64url(text));
  }
}

TEST_CASE("hex: both cases are read, anything else is refused") {
  CHECK(from_hex("00fFA9") == Bytes{std::byte{0}, std::byte{255}, std::byte{0xa9}});
  for (const char* text : {"0", "0g", "0x00", " 00", "é"}) CHECK_FALSE(from_hex(text));
}
