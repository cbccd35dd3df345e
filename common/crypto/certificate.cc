#include "common/crypto/certificate.h"

#include <ctime>

#include "common/base/fs.h"
#include "common/crypto/openssl.h"

namespace fedqat {
namespace {

constexpr std::size_t kMaxPem = 64 << 10;
constexpr std::size_t kMaxChain = 8;
constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";

Error not_a_certificate() { return openssl_error(Errc::kCorrupt, "not a certificate in PEM"); }

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// -1 for a time that does not parse: such a certificate has ended.
std::int64_t unix_seconds(const ASN1_TIME* time) {
  std::tm tm{};
  if (ASN1_TIME_to_tm(time, &tm) != 1) {
    ERR_clear_error();
    return -1;
  }
  return timegm(&tm);
}

int no_password(char*, int, int, void*) { return -1; }

}  // namespace

Certificate::Certificate(x509_st* owned) : certificate_(checked(owned), X509_free) {}

Result<Certificate> Certificate::from_pem(ByteView pem) {
  if (pem.size() > kMaxPem) return Error{Errc::kCorrupt, "a certificate is not that long"};
  const BioPtr bio = read_from(pem);
  X509* x = PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr);
  if (x == nullptr) return not_a_certificate();
  ERR_clear_error();
  return Certificate(x);
}

Result<std::vector<Certificate>> Certificate::chain_from_pem(ByteView pem) {
  const std::size_t count = count_of(as_text(pem), kBegin);
  if (pem.size() > kMaxPem || count == 0 || count > kMaxChain) {
    return Error{Errc::kCorrupt, "not a chain of 1 to 8 certificates in PEM"};
  }
  const BioPtr bio = read_from(pem);
  std::vector<Certificate> chain;
  while (chain.size() < count) {
    X509* x = PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr);
    if (x == nullptr) return not_a_certificate();
    chain.emplace_back(x);
  }
  ERR_clear_error();
  return chain;
}

Result<Certificate> Certificate::from_der(ByteView der) {
  if (der.empty() || der.size() > kMaxPem) {
    return Error{Errc::kCorrupt, "not a certificate in DER"};
  }
  const auto* p = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* end = p + der.size();
  X509* x = d2i_X509(nullptr, &p, static_cast<long>(der.size()));
  if (x == nullptr) return openssl_error(Errc::kCorrupt, "not a certificate in DER");
  Certificate owner(x);
  if (p != end) return Error{Errc::kCorrupt, "bytes behind a certificate in DER"};
  return owner;
}

Bytes Certificate::to_pem() const {
  const BioPtr bio = write_to_memory();
  FEDQAT_CHECK(PEM_write_bio_X509(bio.get(), native()) == 1);
  return written(bio.get());
}

Bytes Certificate::der() const {
  const BioPtr bio = write_to_memory();
  FEDQAT_CHECK(i2d_X509_bio(bio.get(), native()) == 1);
  return written(bio.get());
}

Digest Certificate::sha256() const { return fedqat::sha256(der()); }

Digest Certificate::public_key_sha256() const {
  // The bytes as they stand in the certificate: they need not be a key that OpenSSL can use.
  unsigned char* key = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(native()), &key);
  FEDQAT_CHECK(size > 0);
  const Digest digest =
      fedqat::sha256({reinterpret_cast<const std::byte*>(key), static_cast<std::size_t>(size)});
  OPENSSL_free(key);
  return digest;
}

std::string Certificate::common_name() const {
  const X509_NAME* name = X509_get_subject_name(native());
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0) return {};
  unsigned char* text = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (size < 0) {
    ERR_clear_error();
    return {};
  }
  std::string result(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return result;
}

std::string Certificate::serial() const {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(native());
  return to_hex({reinterpret_cast<const std::byte*>(ASN1_STRING_get0_data(serial)),
                 static_cast<std::size_t>(ASN1_STRING_length(serial))});
}

std::int64_t Certificate::not_before_s() const {
  return unix_seconds(X509_get0_notBefore(native()));
}

std::int64_t Certificate::not_after_s() const { return unix_seconds(X509_get0_notAfter(native())); }

bool Certificate::is_ca() const { return X509_check_ca(native()) == 1; }

bool Certificate::issued_by(const Certificate& ca) const {
  EVP_PKEY* key = X509_get0_pubkey(ca.native());
  const bool good = key != nullptr && ca.is_ca() &&
                    X509_check_issued(ca.native(), native()) == X509_V_OK &&
                    X509_verify(native(), key) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace fedqat
