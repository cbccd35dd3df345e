#include <vector>

#include "common/codec/bit_pack.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const int bits = kMinCodeBits + data[0] % (kMaxCodeBits - kMinCodeBits + 1);
  const ByteView packed = input(data + 1, size - 1);
  const std::size_t n = packed.size() * 8 / static_cast<std::size_t>(bits);
  if (!packed_is_valid(packed, n, bits)) return 0;
  std::vector<std::int16_t> codes(n);
  unpack_codes(packed, bits, 0, codes);
  Bytes again;
  pack_codes(codes, bits, again);
  FEDQAT_CHECK(std::equal(again.begin(), again.end(), packed.begin(), packed.end()));
  const std::size_t first = n / 3;
  std::vector<std::int16_t> rest(n - first);
  unpack_codes(packed, bits, first, rest);
  FEDQAT_CHECK(std::equal(rest.begin(), rest.end(), codes.begin() + static_cast<long>(first)));
  return 0;
}
