// Ed25519 signatures [RFC 8032], by OpenSSL.
#pragma once

#include <array>

#include "common/base/bytes.h"
#include "common/crypto/key.h"

namespace fedqat {

inline constexpr std::size_t kEd25519PublicKeyBytes = 32;
using Signature = std::array<std::byte, 64>;

Signature ed25519_sign(const PrivateKey& key, ByteView message);  // kChecks key.is_ed25519()

// False for a signature that is not of this key over these bytes, and for lengths that are wrong.
bool ed25519_verify(ByteView public_key, ByteView message, ByteView signature);

}  // namespace fedqat
