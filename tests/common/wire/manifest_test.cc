#include "common/wire/manifest.h"

#include <catch2/catch.hpp>

#include "common/base/fs.h"
#include "common/base/rng.h"
#include "common/crypto/ed25519.h"
#include "common/wire/frame.h"
#include "common/wire/identity.pb.h"

using namespace fedqat;

namespace {

const Manifest kManifest{0x1234, 5, 6, sha256(as_bytes("model")), sha256(as_bytes("config")), 7};

// An envelope whose signature is right for `prefix` and `manifest`.
Bytes signed_as(const std::string& prefix, const std::string& manifest, const PrivateKey& key) {
  wire::SignedManifestProto p;
  p.set_manifest(manifest);
  p.set_signature(std::string(as_text(ed25519_sign(key, as_bytes(prefix + manifest)))));
  return serialize(p);
}

}  // namespace

TEST_CASE("manifest: what was signed is read back with the key, and refused with another") {
  const PrivateKey key = PrivateKey::make_ed25519();
  const Bytes bytes = sign_manifest(kManifest, key);
  CHECK(bytes.size() <= kMaxManifest);
  CHECK(*open_manifest(bytes, key.public_key_raw()) == kManifest);
  CHECK(*open_manifest(sign_manifest({}, key), key.public_key_raw()) == Manifest{});
  const auto other = open_manifest(bytes, PrivateKey::make_ed25519().public_key_raw());
  REQUIRE_FALSE(other);
  CHECK(other.error().code == Errc::kRejected);
}

TEST_CASE("manifest: every flipped bit, every cut and every longer one is refused") {
  const PrivateKey key = PrivateKey::make_ed25519();
  const Bytes public_key = key.public_key_raw();
  const Bytes bytes = sign_manifest(kManifest, key);
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    Bytes bad = bytes;
    bad[bit / 8] ^= std::byte(1 << bit % 8);
    CAPTURE(bit);
    CHECK_FALSE(open_manifest(bad, public_key));
  }
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    CHECK_FALSE(open_manifest(ByteView(bytes).first(n), public_key));
  }
  Bytes longer = bytes;
  longer.push_back(std::byte{0x18});
  CHECK_FALSE(open_manifest(longer, public_key));
  longer.push_back(std::byte{1});  // field 3 = 1: unknown
  CHECK_FALSE(open_manifest(longer, public_key));
  CHECK_FALSE(open_manifest(Bytes(kMaxManifest + 1), public_key));
}

TEST_CASE("manifest: signatures under other things and signed nonsense are refused") {
  const PrivateKey key = PrivateKey::make_ed25519();
  const Bytes public_key = key.public_key_raw();
  const std::string prefix("fedqat manifest v1\0", 19);
  wire::SignedManifestProto p;
  REQUIRE(parse(sign_manifest(kManifest, key), p));
  REQUIRE(open_manifest(signed_as(prefix, p.manifest(), key), public_key));
  for (const char* other : {"", "fedqat manifest v1", "fedqat manifest v2"}) {
    CHECK(open_manifest(signed_as(other, p.manifest(), key), public_key).error().code ==
          Errc::kRejected);
  }
  CHECK(open_manifest(signed_as(prefix, "\xff", key), public_key).error().code == Errc::kCorrupt);
  CHECK(open_manifest(signed_as(prefix, "", key), public_key).error().code == Errc::kCorrupt);
}

TEST_CASE("manifest: random bytes are refused") {
  Rng rng({5, 0, 0, Purpose::kTest});
  for (int i = 0; i < 20000; ++i) {
    Bytes bytes(rng.below(200));
    for (std::byte& b : bytes) b = std::byte(rng.next_u32() & 255);
    CHECK_FALSE(open_manifest(bytes, Bytes(32)));
  }
}
