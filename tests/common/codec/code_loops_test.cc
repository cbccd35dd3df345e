#include "common/codec/code_loops.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

#include "common/base/rng.h"
#include "common/codec/bit_pack.h"
#include "common/codec/update_codec.h"

using namespace fedqat;

namespace {

// Below, at and above the widths of vectors and of unrolled loops.
constexpr std::size_t kSizes[] = {0, 1, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129, 1000};

template <class Code>
std::vector<Code> random_codes(std::size_t n, Rng& rng) {
  std::vector<Code> codes(n);
  for (Code& c : codes) c = static_cast<Code>(rng.next_u32());
  return codes;
}

template <class Code>
int greatest(const std::vector<Code>& codes) {
  int top = 0;
  for (const Code c : codes) top = std::max(top, std::abs(int{c}));
  return top;
}

// start + weight * code
template <class Code>
std::vector<std::int32_t> weighted(std::vector<std::int32_t> sum, const std::vector<Code>& codes,
                                   std::int32_t weight) {
  for (std::size_t i = 0; i < codes.size(); ++i) sum[i] += weight * codes[i];
  return sum;
}

}  // namespace

TEST_CASE("code loops: every instruction set sums and finds the greatest as the formula says") {
  Rng rng({.seed = 31});
  for (const CodeLoops& loops : all_code_loops()) {
    for (const std::size_t n : kSizes) {
      CAPTURE(isa_name(loops.isa), n);
      auto i8 = random_codes<std::int8_t>(n, rng);
      auto i16 = random_codes<std::int16_t>(n, rng);
      CHECK(loops.greatest_i8(i8.data(), n) == greatest(i8));
      CHECK(loops.greatest_i16(i16.data(), n) == greatest(i16));
      const auto start = random_codes<std::int16_t>(n, rng);
      const std::vector<std::int32_t> sum(start.begin(), start.end());
      const std::int32_t weight = 60001;
      auto got = sum;
      loops.add_i8(i8.data(), n, weight, got.data());
      CHECK(got == weighted(sum, i8, weight));
      got = sum;
      loops.add_i16(i16.data(), n, weight, got.data());
      CHECK(got == weighted(sum, i16, weight));
      std::vector<std::int64_t> wide(n, std::int64_t{1} << 40);
      loops.flush(got.data(), n, wide.data());
      for (std::size_t i = 0; i < n; ++i) {
        CHECK(wide[i] == (std::int64_t{1} << 40) + weighted(sum, i16, weight)[i]);
        CHECK(got[i] == 0);
      }
      if (n == 0) continue;
      i8[n - 1] = -128;
      i16[n - 1] = -32768;
      CHECK(loops.greatest_i8(i8.data(), n) == 128);
      CHECK(loops.greatest_i16(i16.data(), n) == 32768);
    }
  }
}

TEST_CASE("code loops: floats enter the sum as to_fixed() says, ties and limits included") {
  Rng rng({.seed = 32});
  std::vector<float> values = {0,         -0.0F,           kFixedLimit,     -kFixedLimit,
                               0x1p-31F,  -0x1p-31F,       0x3p-31F,        0x5p-31F,
                               -0x3p-31F, 0x1.000002p-31F, 0x1.fffffep-32F, 1e-45F};
  while (values.size() < 1001) {
    values.push_back(static_cast<float>(rng.normal()) * (rng.below(2) == 0 ? 40.0F : 1e-9F));
  }
  const std::int64_t weight = (1 << 25) - 1;
  for (const CodeLoops& loops : all_code_loops()) {
    CAPTURE(isa_name(loops.isa));
    std::vector<std::int64_t> sum(values.size(), 5);
    loops.add_floats(reinterpret_cast<const std::byte*>(values.data()), values.size(), weight,
                     sum.data());
    for (std::size_t i = 0; i < values.size(); ++i) {
      CAPTURE(values[i]);
      CHECK(sum[i] == 5 + weight * to_fixed(values[i]));
    }
  }
}

TEST_CASE("code loops: unpacking reads no byte past the stream and gives its codes") {
  Rng rng({.seed = 33});
  const int bits = GENERATE(range(kMinCodeBits, 9));
  for (const CodeLoops& loops : all_code_loops()) {
    for (const std::size_t n : kSizes) {
      CAPTURE(isa_name(loops.isa), bits, n);
      std::vector<std::int16_t> codes(n);
      for (auto& c : codes) {
        const auto width = static_cast<std::uint32_t>(2 * max_code(bits) + 1);
        c = static_cast<std::int16_t>(static_cast<int>(rng.below(width)) - max_code(bits));
      }
      Bytes packed;
      pack_codes(codes, bits, packed);
      packed.shrink_to_fit();  // for AddressSanitizer
      std::vector<std::int16_t> got(n, 99);
      const std::size_t done = loops.unpack(packed.data(), packed.size(), bits, n, got.data());
      CHECK(done <= n);
      CHECK(done % 8 == 0);
      CHECK(done + 136 >= n);
      CHECK(std::equal(got.begin(), got.begin() + static_cast<long>(done), codes.begin()));
      CHECK(std::all_of(got.begin() + static_cast<long>(done), got.end(),
                        [](std::int16_t c) { return c == 99; }));
    }
  }
}
