#include "common/crypto/key.h"

#include "common/crypto/openssl.h"

namespace fedqat {
namespace {

constexpr std::size_t kMaxPem = 16 << 10;

int no_password(char*, int, int, void*) { return -1; }  // else OpenSSL asks on the terminal

}  // namespace

PrivateKey::PrivateKey(evp_pkey_st* owned) : key_(checked(owned), EVP_PKEY_free) {}

PrivateKey PrivateKey::make_p256() { return PrivateKey(EVP_EC_gen("P-256")); }

PrivateKey PrivateKey::make_ed25519() {
  return PrivateKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
}

Result<PrivateKey> PrivateKey::from_pem(ByteView pem) {
  if (pem.size() > kMaxPem) return Error{Errc::kCorrupt, "a private key is not that long"};
  const BioPtr bio = read_from(pem);
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr);
  if (key == nullptr) {
    return openssl_error(Errc::kCorrupt, "not a private key in PEM without a password");
  }
  ERR_clear_error();
  PrivateKey owner(key);
  if (auto ok = check_key_type(key); !ok) return ok.error();
  return owner;
}

Bytes PrivateKey::to_pem() const {
  const BioPtr bio(checked(BIO_new(BIO_s_secmem())));  // wiped when freed
  FEDQAT_CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), native(), nullptr, nullptr, 0, nullptr,
                                             nullptr) == 1);
  return written(bio.get());
}

bool PrivateKey::is_ed25519() const { return EVP_PKEY_get_base_id(native()) == EVP_PKEY_ED25519; }

Digest PrivateKey::public_sha256() const { return public_key_digest(native()); }

Bytes PrivateKey::public_key_raw() const {
  FEDQAT_CHECK(is_ed25519());
  Bytes raw(32);
  std::size_t size = raw.size();
  FEDQAT_CHECK(EVP_PKEY_get_raw_public_key(native(), reinterpret_cast<unsigned char*>(raw.data()),
                                           &size) == 1 &&
               size == raw.size());
  return raw;
}

}  // namespace fedqat
