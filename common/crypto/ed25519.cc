#include "common/crypto/ed25519.h"

#include "common/crypto/openssl.h"

namespace fedqat {
namespace {

using KeyPtr = OpensslPtr<EVP_PKEY, EVP_PKEY_free>;

const unsigned char* raw(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

Signature ed25519_sign(const PrivateKey& key, ByteView message) {
  FEDQAT_CHECK(key.is_ed25519());
  const MdContextPtr context(checked(EVP_MD_CTX_new()));
  Signature signature;
  std::size_t size = signature.size();
  FEDQAT_CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.native()) == 1);
  FEDQAT_CHECK(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                              &size, raw(message), message.size()) == 1);
  FEDQAT_CHECK(size == signature.size());
  return signature;
}

bool ed25519_verify(ByteView public_key, ByteView message, ByteView signature) {
  if (public_key.size() != kEd25519PublicKeyBytes || signature.size() != Signature{}.size()) {
    return false;
  }
  const KeyPtr key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(public_key), public_key.size()));
  const MdContextPtr context(checked(EVP_MD_CTX_new()));
  const bool good =
      key != nullptr &&
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(message),
                       message.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace fedqat
