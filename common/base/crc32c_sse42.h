// Part of common/crypto only.
#pragma once

#include <cstdint>

#include "common/base/bytes.h"

namespace fedqat {

std::uint32_t crc32c_sse42(ByteView bytes, std::uint32_t seed);

}  // namespace fedqat
