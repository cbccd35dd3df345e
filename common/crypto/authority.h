// A private certificate authority: one root that signs servers and clients and nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/crypto/certificate.h"

namespace fedqat {

struct Validity {
  std::int64_t not_before_s = 0;  // Unix time; both ends belong to it
  std::int64_t not_after_s = 0;
};

// Self-signed X.509v3: CA with path length 0, keyCertSign and cRLSign. kInvalid: the name is not
// 1 to 64 printable ASCII characters, or the validity ends before it begins.
Result<Certificate> make_ca(const PrivateKey& key, std::string_view name, Validity validity);

// A PKCS#10 request in PEM: proof that its sender has `key`. kInvalid: the name, as above.
Result<Bytes> make_csr(const PrivateKey& key, std::string_view common_name);

struct CertificateProfile {
  enum class Purpose : std::uint8_t { kServer, kClient };

  std::string common_name;  // 1 to 64 printable ASCII characters
  Purpose purpose = Purpose::kClient;
  std::vector<std::string> names;  // host names or IP addresses; a server has at least one
  Validity validity;               // cut to that of the CA
};

inline constexpr std::size_t kMaxCsr = 8 << 10;

// Of the request only the public key is taken, after its signature was checked; what subject and
// extensions it asks for is ignored. Random positive serial of 127 bits, digitalSignature, one
// extended key usage. kRejected: oversize, no request, bad signature, a key that is not P-256,
// P-384 or Ed25519. kInvalid: the profile; the CA is none, or the key is not its.
Result<Certificate> sign_csr(const Certificate& ca, const PrivateKey& ca_key, ByteView csr_pem,
                             const CertificateProfile& profile);

}  // namespace fedqat
