// What an operator hands to a device so that it may ask for a certificate, once.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/sha256.h"

namespace fedqat {

// As text "fq1." and 64 digits of base64url: the secret, then the hash. The text is a secret.
struct EnrollmentToken {
  std::array<std::byte, 16> secret{};
  Digest ca_sha256{};  // fingerprint of the coordinator's CA certificate: whom to trust
  bool operator==(const EnrollmentToken&) const = default;
};

EnrollmentToken make_enrollment_token(const Digest& ca_sha256);  // a new random secret
std::string to_text(const EnrollmentToken& token);
// kInvalid: not exactly such a text (white space around it does not count). The error does not
// repeat the text.
Result<EnrollmentToken> parse_enrollment_token(std::string_view text);

// What the coordinator stores in place of the secret.
Digest enrollment_secret_digest(const EnrollmentToken& token);

}  // namespace fedqat
