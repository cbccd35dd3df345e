// SHA-256 [FIPS 180-4], by OpenSSL.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

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
// Nothing for an odd length and for what is no digit; takes both cases.
std::optional<Bytes> from_hex(std::string_view hex);

}  // namespace fedqat
