// Private keys: P-256 for TLS identities and certificate authorities, Ed25519 for signatures.
#pragma once

#include <memory>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/sha256.h"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace fedqat {

// Immutable; copies share one key and are cheap. Thread-safe.
class PrivateKey {
 public:
  static PrivateKey make_p256();
  static PrivateKey make_ed25519();

  // PKCS#8 (or SEC 1) without a password, P-256, P-384 or Ed25519. kCorrupt: not that;
  // kRejected: another type of key.
  static Result<PrivateKey> from_pem(ByteView pem);
  // PKCS#8. A secret: wipe() it after use (common/crypto/random.h).
  Bytes to_pem() const;

  bool is_ed25519() const;
  // Of the public half as DER SubjectPublicKeyInfo: the name of the key.
  Digest public_sha256() const;
  // The public half of an Ed25519 key as RFC 8032 has it, 32 bytes; kChecks that it is one.
  Bytes public_key_raw() const;

  evp_pkey_st* native() const { return key_.get(); }  // for TLS; owned by this

 private:
  explicit PrivateKey(evp_pkey_st* owned);
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace fedqat
