#include "common/wire/enrollment.h"

#include <algorithm>

#include "common/base/fs.h"
#include "common/crypto/base64.h"
#include "common/crypto/random.h"

namespace fedqat {
namespace {

constexpr std::string_view kPrefix = "fq1.";
constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kSecretDomain{"fedqat enrollment v1\0", 21};

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

}  // namespace

EnrollmentToken make_enrollment_token(const Digest& ca_sha256) {
  return {random_array<16>(), ca_sha256};
}

std::string to_text(const EnrollmentToken& token) {
  Bytes bytes(token.secret.begin(), token.secret.end());
  bytes.insert(bytes.end(), token.ca_sha256.begin(), token.ca_sha256.end());
  std::string text = std::string(kPrefix) + to_base64url(bytes);
  wipe(bytes);
  return text;
}

Result<EnrollmentToken> parse_enrollment_token(std::string_view text) {
  text = trimmed(text);
  EnrollmentToken token;
  std::optional<Bytes> bytes;
  if (text.starts_with(kPrefix)) bytes = from_base64url(text.substr(kPrefix.size()));
  if (!bytes || bytes->size() != token.secret.size() + token.ca_sha256.size()) {
    return Error{Errc::kInvalid,
                 "not an enrollment token: it is fq1. and 64 characters, copied completely; ask "
                 "the operator of the coordinator for a new one"};
  }
  const auto middle = bytes->begin() + static_cast<std::ptrdiff_t>(token.secret.size());
  std::copy(bytes->begin(), middle, token.secret.begin());
  std::copy(middle, bytes->end(), token.ca_sha256.begin());
  wipe(*bytes);
  return token;
}

Digest enrollment_secret_digest(const EnrollmentToken& token) {
  Sha256 hash;
  hash.update(as_bytes(kSecretDomain));
  hash.update(token.secret);
  return std::move(hash).finish();
}

}  // namespace fedqat
