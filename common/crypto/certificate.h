// X.509 certificates as values: what is read from one. Making them: common/crypto/authority.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/key.h"
#include "common/crypto/sha256.h"

struct x509_st;  // OpenSSL's X509

namespace fedqat {

// Immutable; copies share one certificate and are cheap. Thread-safe. Decoders take any bytes.
class Certificate {
 public:
  // The first certificate of a text; kCorrupt when there is none.
  static Result<Certificate> from_pem(ByteView pem);
  // All of them in the order of the text, 1..8, nothing damaged between them. kCorrupt.
  static Result<std::vector<Certificate>> chain_from_pem(ByteView pem);
  static Result<Certificate> from_der(ByteView der);  // exactly one. kCorrupt
  explicit Certificate(x509_st* owned);

  Bytes to_pem() const;
  Bytes der() const;

  Digest sha256() const;             // of der(): the certificate's fingerprint
  Digest public_key_sha256() const;  // equals PrivateKey::public_sha256() of its key
  std::string common_name() const;  // UTF-8; empty when there is none. Shown escaped, never trusted
  std::string serial() const;       // lower-case hex
  std::int64_t not_before_s() const;  // Unix time; both ends belong to the validity
  std::int64_t not_after_s() const;
  bool is_ca() const;
  // Signature and names fit; says nothing about the time.
  bool issued_by(const Certificate& ca) const;

  x509_st* native() const { return certificate_.get(); }  // for TLS; owned by this

 private:
  std::shared_ptr<x509_st> certificate_;
};

}  // namespace fedqat
