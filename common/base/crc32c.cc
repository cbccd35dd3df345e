#include "common/base/crc32c.h"

#include <array>

#include "common/base/crc32c_sse42.h"
#include "common/base/isa.h"

namespace fedqat {
namespace {

constexpr std::array<std::uint32_t, 256> kTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78U : 0);
    table[i] = crc;
  }
  return table;
}();

}  // namespace

std::uint32_t crc32c_table(ByteView bytes, std::uint32_t seed) {
  std::uint32_t crc = ~seed;
  for (const std::byte b : bytes) {
    crc = kTable[(crc ^ std::to_integer<std::uint32_t>(b)) & 255] ^ crc >> 8;
  }
  return ~crc;
}

std::uint32_t crc32c(ByteView bytes, std::uint32_t seed) {
#ifdef FEDQAT_HAVE_SSE42
  // Every machine with AVX2 has SSE4.2.
  static const bool has_instruction = cpu_has(Isa::kAvx2);
  if (has_instruction) return crc32c_sse42(bytes, seed);
#endif
  return crc32c_table(bytes, seed);
}

}  // namespace fedqat
