// The coordinator's signature under a model: a device trains and deploys no other.
#pragma once

#include <cstdint>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/key.h"
#include "common/crypto/sha256.h"

namespace fedqat {

struct Manifest {
  std::uint64_t run = 0;
  std::uint32_t round = 0;
  std::uint64_t version = 0;
  Digest model_sha256{};
  Digest config_hash{};
  std::uint64_t expires_unix_s = 0;
  bool operator==(const Manifest&) const = default;
};

inline constexpr std::size_t kMaxManifest = 1 << 10;  // bytes of a signed one

// A SignedManifestProto (common/wire/identity.proto): the manifest's bytes and an Ed25519 signature
// over "fedqat manifest v1\0" and those bytes, so that the key's signatures under other things
// never pass for a manifest. kChecks key.is_ed25519().
Bytes sign_manifest(const Manifest& manifest, const PrivateKey& key);

// public_key: Ed25519, 32 bytes. kCorrupt: not a signed manifest; kRejected: not signed by this
// key. Unknown fields in the envelope are kCorrupt: no bit of it may change unseen.
Result<Manifest> open_manifest(ByteView signed_manifest, ByteView public_key);

}  // namespace fedqat
