#include "common/crypto/openssl.h"

#include <openssl/core_names.h>

#include <cstring>
#include <limits>

namespace fedqat {
namespace {

std::string_view curve_of(EVP_PKEY* key, std::span<char> name) {
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) != 1) return {};
  return {name.data(), size};
}

}  // namespace

Error openssl_error(Errc code, std::string what) {
  if (const char* reason = ERR_reason_error_string(ERR_peek_last_error())) {
    what += " (";
    what += reason;
    what += ')';
  }
  ERR_clear_error();
  return {code, std::move(what)};
}

BioPtr read_from(ByteView bytes) {
  FEDQAT_CHECK(bytes.size() <= std::numeric_limits<int>::max());
  static const char kNothing = 0;
  const void* data = bytes.empty() ? static_cast<const void*>(&kNothing) : bytes.data();
  return BioPtr(checked(BIO_new_mem_buf(data, static_cast<int>(bytes.size()))));
}

BioPtr write_to_memory() { return BioPtr(checked(BIO_new(BIO_s_mem()))); }

Bytes written(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  const auto* first = reinterpret_cast<const std::byte*>(data);
  return size <= 0 ? Bytes{} : Bytes(first, first + size);
}

Result<void> check_key_type(EVP_PKEY* key) {
  const int type = EVP_PKEY_get_base_id(key);
  if (type == EVP_PKEY_ED25519) return {};
  if (type != EVP_PKEY_EC) {
    return Error{Errc::kRejected, "the key is neither P-256, P-384 nor Ed25519; make one of these"};
  }
  // Curves given by their parameters are a way to smuggle in weak ones.
  int is_explicit = 0;
  EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit);
  char name[64] = {};
  const std::string_view curve = curve_of(key, name);
  if (is_explicit != 0 || (curve != SN_X9_62_prime256v1 && curve != SN_secp384r1)) {
    ERR_clear_error();
    return Error{Errc::kRejected, "the key's curve is neither P-256 nor P-384; make a P-256 key"};
  }
  return {};
}

const EVP_MD* signing_digest(EVP_PKEY* key) {
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) return nullptr;
  return EVP_PKEY_get_bits(key) > 256 ? EVP_sha384() : EVP_sha256();
}

Digest public_key_digest(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  FEDQAT_CHECK(size > 0);
  const Digest digest =
      sha256({reinterpret_cast<const std::byte*>(der), static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return digest;
}

}  // namespace fedqat
