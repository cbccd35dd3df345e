#include "common/crypto/blake3_lanes.h"

#include <bit>
#include <vector>

#include "common/crypto/blake3_body.h"

namespace fedqat {

static_assert(std::endian::native == std::endian::little, "words are read as they are in memory");

#ifdef FEDQAT_HAVE_AVX2
Blake3Lanes blake3_lanes_avx2();
#endif
#ifdef FEDQAT_HAVE_AVX512VNNI
Blake3Lanes blake3_lanes_avx512();
#endif

std::span<const Blake3Lanes> all_blake3_lanes() {
  static const std::vector<Blake3Lanes> all = [] {
    std::vector<Blake3Lanes> found;
#ifdef FEDQAT_HAVE_AVX512VNNI
    if (cpu_has(Isa::kAvx512Vnni)) found.push_back(blake3_lanes_avx512());
#endif
#ifdef FEDQAT_HAVE_AVX2
    if (cpu_has(Isa::kAvx2)) found.push_back(blake3_lanes_avx2());
#endif
    found.push_back(kLanesHere);
    return found;
  }();
  return all;
}

const Blake3Lanes& blake3_lanes() { return all_blake3_lanes().front(); }

std::array<std::uint32_t, 8> blake3_compress(const std::array<std::uint32_t, 8>& value,
                                             const std::byte* block, std::size_t size,
                                             std::uint64_t counter, std::uint32_t flags) {
  std::uint32_t m[16] = {};
  std::memcpy(m, block, size);
  std::uint32_t v[16];
  std::copy(value.begin(), value.end(), v);
  std::copy_n(kBlake3Iv.begin(), 4, v + 8);
  v[12] = static_cast<std::uint32_t>(counter);
  v[13] = static_cast<std::uint32_t>(counter >> 32);
  v[14] = static_cast<std::uint32_t>(size);
  v[15] = flags;
  compress(v, m);
  std::array<std::uint32_t, 8> result;
  std::copy_n(v, 8, result.begin());
  return result;
}

}  // namespace fedqat
