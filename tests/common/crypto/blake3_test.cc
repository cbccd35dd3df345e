#include "common/crypto/blake3.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "common/crypto/blake3_lanes.h"

using namespace fedqat;

namespace {

// The input of the authors' test vectors.
Bytes counting(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i % 251);
  return bytes;
}

}  // namespace

TEST_CASE("blake3: the authors' test vectors [OConnor20]") {
  const struct {
    std::size_t size;
    const char* hash;
  } kVectors[] = {
      {0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
      {1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"},
      {1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"},
      {1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"},
      {1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"},
      {2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a"},
      {2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"},
      {3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3"},
      {5121, "628bd2cb2004694adaab7bbd778a25df25c47b9d4155a55f8fbd79f2fe154cff"},
      {31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47"},
      {102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"},
  };
  for (const auto& v : kVectors) {
    CAPTURE(v.size);
    CHECK(to_hex(blake3(counting(v.size))) == v.hash);
  }
}

TEST_CASE("blake3: pieces of any size give the hash of the whole") {
  const Bytes bytes = counting(700'000);
  for (const std::size_t size : {std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{65},
                                 std::size_t{1024}, std::size_t{1025}, std::size_t{300'000}}) {
    const ByteView whole = ByteView(bytes).first(std::min(bytes.size(), 2000 * size));
    Blake3 hash;
    for (std::size_t at = 0; at < whole.size(); at += size) {
      hash.update(whole.subspan(at, std::min(size, whole.size() - at)));
      hash.update({});
    }
    CHECK(std::move(hash).finish() == blake3(whole));
  }
}

TEST_CASE("blake3: every instruction set gives the values of a block after the other") {
  using namespace blake3_flags;
  const Bytes bytes = counting(20 * 1024);
  const std::uint64_t counter = 0xffff'fffd;  // passes 32 bits
  for (const Blake3Lanes& lanes : all_blake3_lanes()) {
    CAPTURE(isa_name(lanes.isa));
    for (std::size_t n = 1; n <= lanes.lanes; ++n) {
      Bytes out(32 * n);
      lanes.hash({bytes.data(), 1024, 16, counter, 1, 0, kStart, kEnd}, n, out.data());
      for (std::size_t i = 0; i < n; ++i) {
        auto value = kBlake3Iv;
        for (std::size_t b = 0; b < 16; ++b) {
          const std::uint32_t flags = (b == 0 ? kStart : 0) | (b == 15 ? kEnd : 0);
          value = blake3_compress(value, bytes.data() + 1024 * i + 64 * b, 64, counter + i, flags);
        }
        CHECK(std::equal(value.begin(), value.end(),
                         reinterpret_cast<const std::uint32_t*>(out.data() + 32 * i)));
      }
    }
  }
}
