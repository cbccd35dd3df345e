#include "common/codec/bit_pack.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "common/base/check.h"
#include "common/codec/code_loops.h"

namespace fedqat {

std::size_t packed_size(std::size_t n, int bits) {
  return (n * static_cast<std::size_t>(bits) + 7) / 8;
}

void pack_codes(std::span<const std::int16_t> codes, int bits, Bytes& out) {
  FEDQAT_DCHECK(bits >= kMinCodeBits && bits <= kMaxCodeBits);
  std::size_t at = out.size();
  out.resize(at + packed_size(codes.size(), bits));
  const std::uint32_t mask = (1U << bits) - 1;
  std::uint64_t window = 0;
  int filled = 0;
  for (const std::int16_t code : codes) {
    FEDQAT_DCHECK(code >= -max_code(bits) && code <= max_code(bits));
    window |= std::uint64_t{static_cast<std::uint32_t>(code) & mask} << filled;
    filled += bits;
    for (; filled >= 8; filled -= 8, window >>= 8) out[at++] = static_cast<std::byte>(window & 255);
  }
  if (filled > 0) out[at] = static_cast<std::byte>(window & 255);
}

void unpack_codes(ByteView packed, int bits, std::size_t first, std::span<std::int16_t> codes) {
  FEDQAT_DCHECK(packed_size(first + codes.size(), bits) <= packed.size());
  const std::size_t start = first * static_cast<std::size_t>(bits);
  if (start % 8 == 0 && bits <= 8) {
    const ByteView rest = packed.subspan(start / 8);
    const std::size_t done =
        code_loops().unpack(rest.data(), rest.size(), bits, codes.size(), codes.data());
    if (done > 0) return unpack_codes(packed, bits, first + done, codes.subspan(done));
  }
  if (bits == 16) {
    if (!codes.empty()) std::memcpy(codes.data(), packed.data() + start / 8, codes.size_bytes());
    return;
  }
  std::size_t at = start / 8;
  std::uint64_t window = 0;
  int filled = 0;
  if (start % 8 != 0 && !codes.empty()) {
    window = std::to_integer<std::uint64_t>(packed[at++]) >> (start % 8);
    filled = 8 - static_cast<int>(start % 8);
  }
  const int up = 32 - bits;
  for (std::int16_t& code : codes) {
    for (; filled < bits; filled += 8) {
      window |= std::to_integer<std::uint64_t>(packed[at++]) << filled;
    }
    const auto raised = static_cast<std::int32_t>(static_cast<std::uint32_t>(window) << up);
    code = static_cast<std::int16_t>(raised >> up);
    window >>= bits;
    filled -= bits;
  }
}

void pack_indices(std::span<const std::uint8_t> indices, int bits, Bytes& out) {
  FEDQAT_DCHECK(bits >= 1 && bits <= 8);
  std::size_t at = out.size();
  out.resize(at + packed_size(indices.size(), bits));
  std::uint32_t window = 0;
  int filled = 0;
  for (const std::uint8_t index : indices) {
    window |= static_cast<std::uint32_t>(index) << filled;
    filled += bits;
    for (; filled >= 8; filled -= 8, window >>= 8) out[at++] = static_cast<std::byte>(window & 255);
  }
  if (filled > 0) out[at] = static_cast<std::byte>(window & 255);
}

void unpack_indices(ByteView packed, int bits, std::span<std::uint8_t> indices) {
  FEDQAT_DCHECK(packed_size(indices.size(), bits) <= packed.size());
  const std::uint32_t mask = (1U << bits) - 1;
  std::size_t at = 0;
  std::uint32_t window = 0;
  int filled = 0;
  for (std::uint8_t& index : indices) {
    if (filled < bits) {
      window |= std::to_integer<std::uint32_t>(packed[at++]) << filled;
      filled += 8;
    }
    index = static_cast<std::uint8_t>(window & mask);
    window >>= bits;
    filled -= bits;
  }
}

int greatest_code(ByteView packed, std::size_t n, int bits) {
  const CodeLoops& loops = code_loops();
  if (bits == 8) return loops.greatest_i8(reinterpret_cast<const std::int8_t*>(packed.data()), n);
  int top = 0;
  std::array<std::int16_t, 4096> block;
  for (std::size_t first = 0; first < n; first += block.size()) {
    const std::span codes(block.data(), std::min(block.size(), n - first));
    unpack_codes(packed, bits, first, codes);
    top = std::max(top, loops.greatest_i16(codes.data(), codes.size()));
  }
  return top;
}

bool packed_size_is_valid(ByteView packed, std::size_t n, int bits) {
  if (packed.size() != packed_size(n, bits)) return false;
  const std::size_t used = n * static_cast<std::size_t>(bits) % 8;
  return used == 0 || (std::to_integer<unsigned>(packed.back()) >> used) == 0;
}

bool packed_is_valid(ByteView packed, std::size_t n, int bits) {
  return packed_size_is_valid(packed, n, bits) && greatest_code(packed, n, bits) <= max_code(bits);
}

}  // namespace fedqat
