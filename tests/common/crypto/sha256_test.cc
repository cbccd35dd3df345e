#include "common/crypto/sha256.h"

#include <catch2/catch.hpp>
#include <string>

#include "common/base/fs.h"

using namespace fedqat;

namespace {
std::string hash(const std::string& text) { return to_hex(sha256(as_bytes(text))); }
}  // namespace

TEST_CASE("sha256: the examples of FIPS 180-4 come out") {
  // NIST "Examples with Intermediate Values", SHA-256, and SHA256ShortMsg.rsp (the empty message).
  CHECK(hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hash(std::string(1000000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256: pieces give the hash of the whole") {
  const std::string text(300, 'x');
  for (const std::size_t cut : {0, 1, 63, 64, 65, 299, 300}) {
    Sha256 pieces;
    pieces.update(as_bytes(text).first(cut));
    pieces.update(as_bytes(text).subspan(cut));
    CHECK(to_hex(std::move(pieces).finish()) == hash(text));
  }
}
