// What a side of a TLS connection shows and whom it believes. TLS 1.3 alone; no resumption, because
// a resumed session skips the certificate checks and with them revocation.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/crypto/sha256.h"

struct ssl_ctx_st;

namespace fedqat {

struct TlsIdentity {
  std::string certificate_chain_pem;  // own certificate first; the CA last, for pinning clients
  std::string private_key_pem;
};

// Immutable and cheap to copy; thread-safe. The makers' errors are kInvalid: a PEM text does not
// parse, the key is another certificate's, or a key or signature is too weak (security level 2:
// RSA below 2048 bits, SHA-1).
class TlsContext {
 public:
  // Mutual: admits only certificates for TLS clients that lead to a certificate of `client_ca_pem`.
  static Result<TlsContext> server(const TlsIdentity& identity, const std::string& client_ca_pem);
  // For the enrolment port: a client has no certificate there yet.
  static Result<TlsContext> server_without_client_certificates(const TlsIdentity& identity);
  // Believes certificates for TLS servers that lead to `ca_pem` and bear the name asked for. An
  // empty identity shows no certificate.
  static Result<TlsContext> client(const TlsIdentity& identity, const std::string& ca_pem);
  // Believes the one CA whose DER has this SHA-256 and which the server sends in its chain; all
  // else is checked as by client(). Shows no certificate.
  static Result<TlsContext> client_pinned(const Digest& ca_sha256);

  ssl_ctx_st* get() const;
  bool is_server() const;

 private:
  struct Impl;
  explicit TlsContext(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace fedqat
