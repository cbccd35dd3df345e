// Secrets: where they come from, how they are compared and how they leave memory.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "common/base/bytes.h"

namespace fedqat {

// From the operating system's generator, through OpenSSL's. Stops the process when there is none:
// nothing may go on with predictable secrets. For keys, tokens and nonces; results that are to be
// reproducible use Rng. Thread-safe.
void random_bytes(std::span<std::byte> out);

template <std::size_t n>
std::array<std::byte, n> random_array() {
  std::array<std::byte, n> a;
  random_bytes(a);
  return a;
}

// Takes as long for any contents; lengths are not secret.
bool equal_constant_time(ByteView a, ByteView b);

// Zeros that the compiler does not remove.
void wipe(std::span<std::byte> secret);

}  // namespace fedqat
