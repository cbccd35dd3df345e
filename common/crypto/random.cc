#include "common/crypto/random.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>

#include "common/base/check.h"

namespace fedqat {

void random_bytes(std::span<std::byte> out) {
  constexpr std::size_t kPiece = 1 << 20;  // RAND_bytes takes an int
  while (!out.empty()) {
    const std::size_t n = std::min(out.size(), kPiece);
    FEDQAT_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(n)) ==
                 1);
    out = out.subspan(n);
  }
}

bool equal_constant_time(ByteView a, ByteView b) {
  if (a.size() != b.size()) return false;
  return a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe(std::span<std::byte> secret) {
  if (!secret.empty()) OPENSSL_cleanse(secret.data(), secret.size());
}

}  // namespace fedqat
