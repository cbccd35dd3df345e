// SHA-256 [FIPS 180-4], by OpenSSL.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "common/base/bytes.h"

namespace fedqat {

using Digest = std::array<std::byte, 32>;

class Sha256 {
 public:
  Sha256();
  void update(ByteView bytes);
  Digest finish() &&;

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;  // EVP_MD_CTX
};

Digest sha256(ByteView bytes);

// Two lower-case digits a byte.
std::string to_hex(std::span<const std::byte> bytes);

}  // namespace fedqat
