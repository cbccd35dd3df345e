#include "common/codec/coded_values.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "common/codec/bit_pack.h"
#include "common/codec/range_coder.h"

namespace fedqat {
namespace {

using Size = std::uint32_t;

std::uint8_t symbol_of(int code) {
  return static_cast<std::uint8_t>(2 * std::abs(code) - (code > 0 ? 1 : 0));
}

std::int16_t code_of(int symbol) {
  return static_cast<std::int16_t>(symbol % 2 != 0 ? (symbol + 1) / 2 : -symbol / 2);
}

int kinds(int bits) { return 2 * max_code(bits) + 1; }

}  // namespace

std::size_t most_coded_size(std::size_t n, int bits) {
  return n == 0 ? 0 : sizeof(Size) + packed_size(n, bits);
}

void put_coded(std::span<const std::int16_t> codes, int bits, Bytes& out) {
  if (codes.empty()) return;
  std::vector<std::uint8_t> symbols(codes.size());
  std::transform(codes.begin(), codes.end(), symbols.begin(), symbol_of);
  const Bytes coded = encode_symbols(symbols, kinds(bits));
  const std::size_t packed = packed_size(codes.size(), bits);
  const auto size = static_cast<Size>(std::min(coded.size(), packed));
  const std::size_t at = out.size();
  out.resize(at + sizeof size);
  std::memcpy(out.data() + at, &size, sizeof size);
  if (size == packed) return pack_codes(codes, bits, out);
  out.insert(out.end(), coded.begin(), coded.end());
}

std::optional<std::size_t> coded_size(ByteView bytes, std::size_t n, int bits) {
  if (n == 0) return 0;
  Size size = 0;
  if (bytes.size() < sizeof size) return std::nullopt;
  std::memcpy(&size, bytes.data(), sizeof size);
  if (size > packed_size(n, bits) || size > bytes.size() - sizeof size) return std::nullopt;
  return sizeof size + size;
}

bool take_coded(ByteView bytes, int bits, std::span<std::int16_t> codes) {
  if (codes.empty()) return true;
  const ByteView body = bytes.subspan(sizeof(Size));
  if (body.size() == packed_size(codes.size(), bits)) {
    if (!packed_is_valid(body, codes.size(), bits)) return false;
    unpack_codes(body, bits, 0, codes);
    return true;
  }
  const auto symbols = decode_symbols(body, codes.size(), kinds(bits));
  if (!symbols) return false;
  std::transform(symbols->begin(), symbols->end(), codes.begin(), code_of);
  return true;
}

int greatest_magnitude(std::span<const std::int16_t> codes) {
  int top = 0;
  for (const std::int16_t c : codes) top = std::max(top, std::abs(static_cast<int>(c)));
  return top;
}

}  // namespace fedqat
