#include "common/base/crc32c_sse42.h"

#include <nmmintrin.h>

#include <array>
#include <cstring>

#include "common/base/crc32c.h"

namespace fedqat {
namespace {

// The instruction takes three cycles but one can start in each: three blocks side by side.
constexpr std::size_t kBlock = 2048;

// crc -> the crc after kBlock zero bytes, which is linear: a table for each byte of the crc.
using Shift = std::array<std::array<std::uint32_t, 256>, 4>;

Shift make_shift() {
  constexpr std::array<std::byte, kBlock> zeros{};
  Shift shift{};
  for (std::size_t byte = 0; byte < 4; ++byte) {
    for (std::size_t v = 1; v < 256; ++v) {
      const std::size_t low = v & (~v + 1);
      const auto bit = static_cast<std::uint32_t>(low) << (8 * byte);
      // crc32c_table() inverts at both ends.
      shift[byte][v] =
          v == low ? ~crc32c_table(zeros, ~bit) : shift[byte][low] ^ shift[byte][v ^ low];
    }
  }
  return shift;
}

std::uint32_t after_block(const Shift& s, std::uint32_t crc) {
  return s[0][crc & 255] ^ s[1][crc >> 8 & 255] ^ s[2][crc >> 16 & 255] ^ s[3][crc >> 24];
}

std::uint64_t word_at(const std::byte* p) {
  std::uint64_t word;
  std::memcpy(&word, p, 8);
  return word;
}

}  // namespace

std::uint32_t crc32c_sse42(ByteView bytes, std::uint32_t seed) {
  static const Shift shift = make_shift();
  std::uint64_t crc = ~seed;
  const std::byte* p = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 3 * kBlock; p += 3 * kBlock, left -= 3 * kBlock) {
    std::uint64_t b = 0, c = 0;
    for (std::size_t i = 0; i < kBlock; i += 8) {
      crc = _mm_crc32_u64(crc, word_at(p + i));
      b = _mm_crc32_u64(b, word_at(p + kBlock + i));
      c = _mm_crc32_u64(c, word_at(p + 2 * kBlock + i));
    }
    crc = after_block(shift, static_cast<std::uint32_t>(crc)) ^ b;
    crc = after_block(shift, static_cast<std::uint32_t>(crc)) ^ c;
  }
  for (; left >= 8; p += 8, left -= 8) crc = _mm_crc32_u64(crc, word_at(p));
  auto tail = static_cast<std::uint32_t>(crc);
  for (; left > 0; ++p, --left) tail = _mm_crc32_u8(tail, std::to_integer<unsigned char>(*p));
  return ~tail;
}

}  // namespace fedqat
