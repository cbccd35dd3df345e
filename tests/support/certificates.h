// Certificates of every kind, good and bad, made with OpenSSL alone.
#pragma once

#include <cstdint>
#include <string>

#include "common/crypto/sha256.h"
#include "common/net/tls_context.h"

namespace fedqat {

enum class TestKey : std::uint8_t { kP256, kRsa2048, kRsa1024 };

struct TestCertificateSpec {
  std::string common_name = "test";
  std::string alt_names;           // as in openssl.cnf: "DNS:coordinator,IP:127.0.0.1"; "": none
  std::string extended_key_usage;  // "serverAuth", "clientAuth"; "": none
  bool ca = false;
  std::int64_t begins_in_s = -3600;  // from now
  std::int64_t ends_in_s = 86400;
  TestKey key = TestKey::kP256;
  bool sha1 = false;
};

struct TestCertificate {
  std::string pem;
  std::string key_pem;
  Digest sha256{};      // of the DER
  Digest public_key{};  // SHA-256 of the SubjectPublicKeyInfo
};

// Signed by `issuer`, or by itself. kChecks that OpenSSL does as told.
TestCertificate make_test_certificate(const TestCertificateSpec& spec,
                                      const TestCertificate* issuer = nullptr);

TestCertificateSpec test_ca_spec(const std::string& name = "test CA");
TestCertificateSpec test_server_spec();  // for localhost and 127.0.0.1
TestCertificateSpec test_client_spec(const std::string& device = "device-1");

// A CA, a server's and a client's certificate by it.
struct TestPki {
  TestPki();
  TestCertificate ca, server, client;
  TlsIdentity server_identity() const { return identity(server); }
  TlsIdentity client_identity() const { return identity(client); }
  TlsIdentity identity(const TestCertificate& c) const { return {c.pem + ca.pem, c.key_pem}; }
  TlsContext server_context() const;
  TlsContext client_context() const;
};

}  // namespace fedqat
