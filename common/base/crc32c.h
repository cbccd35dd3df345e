// CRC-32C (Castagnoli), reflected polynomial 0x82f63b78 [RFC 3720, B.4]: finds damage, not malice.
#pragma once

#include <cstdint>

#include "common/base/bytes.h"

namespace fedqat {

// crc32c(ab) == crc32c(b, crc32c(a)). The SSE4.2 instruction where the machine has it
// (FEDQAT_ISA=scalar: never), else a table.
std::uint32_t crc32c(ByteView bytes, std::uint32_t seed = 0);

std::uint32_t crc32c_table(ByteView bytes, std::uint32_t seed);  // the formula, a byte at a time

}  // namespace fedqat
