#include "tests/fuzz/mutate.h"

#include <algorithm>
#include <cstring>

namespace fedqat {
namespace {

constexpr std::uint32_t kNumbers[] = {
    0,       1,       0x7f,     0x80,     0xff,       0x7fff,     0x8000,     0xffff,
    0x10000, 0xfffff, 1U << 24, 1U << 30, 0x7fffffff, 0x80000000, 0xffffffff, 0x7f800000};
constexpr std::uint32_t kLongest = 64;  // part that moves

std::uint32_t pick(Rng& rng, std::size_t n) { return rng.below(static_cast<std::uint32_t>(n)); }

// A part of `bytes`, which is not empty.
ByteView some_part(ByteView bytes, Rng& rng) {
  const std::size_t begin = pick(rng, bytes.size());
  const std::size_t most = std::min<std::size_t>(bytes.size() - begin, kLongest);
  return bytes.subspan(begin, 1 + pick(rng, most));
}

void change(Bytes& bytes, std::span<const Bytes> seeds, Rng& rng) {
  if (bytes.empty()) return bytes.push_back(static_cast<std::byte>(rng.below(256)));
  const std::size_t at = pick(rng, bytes.size());
  const auto here = bytes.begin() + static_cast<std::ptrdiff_t>(at);
  switch (rng.below(8)) {
    case 0:
      bytes[at] ^= static_cast<std::byte>(1U << rng.below(8));
      break;
    case 1:
      bytes[at] = static_cast<std::byte>(rng.below(256));
      break;
    case 2:
      bytes[at] = static_cast<std::byte>(std::to_integer<unsigned>(bytes[at]) + rng.below(3) - 1);
      break;
    case 3: {
      const std::uint32_t number = kNumbers[pick(rng, std::size(kNumbers))];
      std::memcpy(&bytes[at], &number, std::min(bytes.size() - at, sizeof number));
      break;
    }
    case 4: {
      const auto part = static_cast<std::ptrdiff_t>(some_part(bytes, rng).size());
      bytes.erase(here, here + std::min<std::ptrdiff_t>(part, bytes.end() - here));
      break;
    }
    case 5: {
      const ByteView part = some_part(bytes, rng);
      const Bytes copy(part.begin(), part.end());
      bytes.insert(here, copy.begin(), copy.end());
      break;
    }
    case 6: {
      const Bytes& other = seeds[pick(rng, seeds.size())];
      if (other.empty()) break;
      const ByteView part = some_part(other, rng);
      std::copy_n(part.begin(), std::min(part.size(), bytes.size() - at), here);
      break;
    }
    default:
      if (rng.below(4) == 0) bytes.resize(at);
      break;
  }
}

}  // namespace

Bytes mutate(std::span<const Bytes> seeds, std::size_t from, Rng& rng) {
  Bytes bytes = seeds[from];
  for (std::uint32_t i = 1 + rng.below(8); i > 0; --i) change(bytes, seeds, rng);
  return bytes;
}

}  // namespace fedqat
