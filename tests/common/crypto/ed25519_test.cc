#include "common/crypto/ed25519.h"

#include <catch2/catch.hpp>

#include "common/base/fs.h"
#include "common/crypto/base64.h"

using namespace fedqat;

namespace {

// PKCS#8 of RFC 8410: a fixed prefix and the 32 bytes.
PrivateKey key_of(const std::string& secret_hex) {
  std::string text = to_base64url(*from_hex("302e020100300506032b657004220420" + secret_hex));
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  const std::string pem = "-----BEGIN PRIVATE KEY-----\n" + text + "\n-----END PRIVATE KEY-----\n";
  auto key = PrivateKey::from_pem(as_bytes(pem));
  REQUIRE(key);
  return *key;
}

}  // namespace

TEST_CASE("ed25519: tests 1 and 2 of RFC 8032 section 7.1 come out") {
  struct Vector {
    const char *secret, *public_key, *message, *signature;
  };
  const Vector vectors[] = {
      {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf"
       "9b46bd25bf5f0595bbe24655141438e7a100b"},
      {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
       "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f"
       "11d8c387b2eaeb4302aeeb00d291612bb0c00"}};
  for (const Vector& v : vectors) {
    const PrivateKey key = key_of(v.secret);
    CHECK(to_hex(key.public_key_raw()) == v.public_key);
    CHECK(to_hex(ed25519_sign(key, *from_hex(v.message))) == v.signature);
    CHECK(ed25519_verify(*from_hex(v.public_key), *from_hex(v.message), *from_hex(v.signature)));
  }
}

TEST_CASE("ed25519: another message, key, signature or length is refused") {
  const PrivateKey key = PrivateKey::make_ed25519();
  const Bytes public_key = key.public_key_raw();
  const ByteView message = as_bytes("message");
  const Signature signature = ed25519_sign(key, message);
  REQUIRE(ed25519_verify(public_key, message, signature));
  CHECK_FALSE(ed25519_verify(public_key, as_bytes("massage"), signature));
  CHECK_FALSE(ed25519_verify(PrivateKey::make_ed25519().public_key_raw(), message, signature));
  for (std::size_t bit = 0; bit < 8 * signature.size(); ++bit) {
    Signature bad = signature;
    bad[bit / 8] ^= std::byte(1 << bit % 8);
    CHECK_FALSE(ed25519_verify(public_key, message, bad));
  }
  CHECK_FALSE(ed25519_verify(public_key, message, ByteView(signature).first(63)));
  CHECK_FALSE(ed25519_verify(ByteView(public_key).first(31), message, signature));
  CHECK_FALSE(ed25519_verify({}, message, {}));
  CHECK_FALSE(ed25519_verify(Bytes(32), message, Bytes(64)));
}
