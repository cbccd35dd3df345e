#include "common/crypto/sha256.h"

#include <openssl/evp.h>

#include "common/base/check.h"

namespace fedqat {
namespace {

EVP_MD_CTX* evp(void* context) { return static_cast<EVP_MD_CTX*>(context); }

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

// These calls fail only when memory runs out or OpenSSL is built without SHA-256.
Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  FEDQAT_CHECK(context_ != nullptr);
  FEDQAT_CHECK(EVP_DigestInit_ex(evp(context_.get()), EVP_sha256(), nullptr) == 1);
}

void Sha256::Free::operator()(void* context) const { EVP_MD_CTX_free(evp(context)); }

void Sha256::update(ByteView bytes) {
  FEDQAT_CHECK(EVP_DigestUpdate(evp(context_.get()), bytes.data(), bytes.size()) == 1);
}

Digest Sha256::finish() && {
  Digest digest;
  unsigned size = 0;
  FEDQAT_CHECK(EVP_DigestFinal_ex(evp(context_.get()),
                                  reinterpret_cast<unsigned char*>(digest.data()), &size) == 1);
  FEDQAT_CHECK(size == digest.size());
  return digest;
}

Digest sha256(ByteView bytes) {
  Sha256 hash;
  hash.update(bytes);
  return std::move(hash).finish();
}

std::string to_hex(std::span<const std::byte> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const std::byte b : bytes) {
    hex += kDigits[std::to_integer<unsigned>(b >> 4)];
    hex += kDigits[std::to_integer<unsigned>(b & std::byte{15})];
  }
  return hex;
}

std::optional<Bytes> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  Bytes bytes(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); ++i) {
    const int digit = digit_value(hex[i]);
    if (digit < 0) return std::nullopt;
    bytes[i / 2] = bytes[i / 2] << 4 | std::byte(digit);
  }
  return bytes;
}

}  // namespace fedqat
