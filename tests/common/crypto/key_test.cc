#include "common/crypto/key.h"

#include <catch2/catch.hpp>

#include "common/base/fs.h"
#include "common/base/rng.h"
#include "common/crypto/random.h"
#include "tests/common/crypto/csr_samples.h"

using namespace fedqat;

TEST_CASE("key: a key comes back from its PEM") {
  for (const PrivateKey& key : {PrivateKey::make_p256(), PrivateKey::make_ed25519()}) {
    const Bytes pem = key.to_pem();
    CHECK(as_text(pem).starts_with("-----BEGIN PRIVATE KEY-----"));
    const auto back = PrivateKey::from_pem(pem);
    REQUIRE(back);
    CHECK(back->public_sha256() == key.public_sha256());
    CHECK(back->is_ed25519() == key.is_ed25519());
    CHECK(back->to_pem() == pem);
  }
  CHECK(PrivateKey::make_p256().public_sha256() != PrivateKey::make_p256().public_sha256());
}

TEST_CASE("key: other types, passwords and damaged text are refused") {
  const auto code = [](ByteView pem) {
    const auto r = PrivateKey::from_pem(pem);
    REQUIRE_FALSE(r);
    return r.error().code;
  };
  CHECK(code(as_bytes(kRsaKey)) == Errc::kRejected);
  CHECK(code(as_bytes(kEncryptedKey)) == Errc::kCorrupt);
  CHECK(code(as_bytes(kGreedyCsr)) == Errc::kCorrupt);
  CHECK(code({}) == Errc::kCorrupt);
  CHECK(code(Bytes(1 << 20, std::byte{'-'})) == Errc::kCorrupt);
  const Bytes pem = PrivateKey::make_p256().to_pem();
  for (std::size_t n = 0; n + 2 < pem.size(); ++n)
    CHECK(code(ByteView(pem).first(n)) == Errc::kCorrupt);
  Rng rng({3, 0, 0, Purpose::kTest});
  for (int i = 0; i < 2000; ++i) {
    Bytes bad = pem;
    bad[rng.below(static_cast<std::uint32_t>(bad.size()))] = std::byte(rng.next_u32() & 255);
    (void)PrivateKey::from_pem(bad);
  }
}

TEST_CASE("random: secrets differ, compare by value and are wiped") {
  auto a = random_array<32>(), b = random_array<32>();
  CHECK(a != b);
  CHECK_FALSE(equal_constant_time(a, b));
  CHECK_FALSE(equal_constant_time(a, ByteView(a).first(31)));
  CHECK(equal_constant_time({}, {}));
  b = a;
  CHECK(equal_constant_time(a, b));
  wipe(a);
  CHECK(a == std::array<std::byte, 32>{});
  random_bytes({});
}
