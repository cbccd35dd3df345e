#include "common/crypto/authority.h"

#include <algorithm>

#include "common/crypto/openssl.h"
#include "common/crypto/random.h"

namespace fedqat {
namespace {

constexpr std::int64_t kLastSecond = 253402300799;  // 9999-12-31T23:59:59Z [RFC 5280, 4.1.2.5]

Result<void> check_name(std::string_view name) {
  const bool printable =
      std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!name.empty() && name.size() <= 64 && printable) return {};
  return Error{Errc::kInvalid, "a certificate's name has 1 to 64 printable ASCII characters"};
}

Result<void> check_validity(Validity v) {
  if (v.not_before_s >= 0 && v.not_before_s < v.not_after_s && v.not_after_s <= kLastSecond) {
    return {};
  }
  return Error{Errc::kInvalid,
               "a certificate's validity must end after it begins, and before the year 10000"};
}

void set_common_name(X509_NAME* name, std::string_view text) {
  FEDQAT_CHECK(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                          reinterpret_cast<const unsigned char*>(text.data()),
                                          static_cast<int>(text.size()), -1, 0) == 1);
}

void set_random_serial(X509* x) {
  auto bytes = random_array<16>();
  bytes[0] = (bytes[0] & std::byte{0x7f}) | std::byte{0x40};  // positive, always of one length
  BIGNUM* number = checked(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()), nullptr));
  FEDQAT_CHECK(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != nullptr);
  BN_free(number);
}

// Version, serial, validity, subject and key; issuer, extensions and signature are to follow.
Certificate begin_certificate(std::string_view name, Validity validity, EVP_PKEY* key) {
  Certificate c(X509_new());
  X509* x = c.native();
  FEDQAT_CHECK(X509_set_version(x, X509_VERSION_3) == 1);
  set_random_serial(x);
  FEDQAT_CHECK(ASN1_TIME_set(X509_getm_notBefore(x), validity.not_before_s) != nullptr);
  FEDQAT_CHECK(ASN1_TIME_set(X509_getm_notAfter(x), validity.not_after_s) != nullptr);
  set_common_name(X509_get_subject_name(x), name);
  FEDQAT_CHECK(X509_set_pubkey(x, key) == 1);
  return c;
}

// `value` is OpenSSL's notation; constants only, for it is a small language.
void add_extension(X509* x, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, x, nullptr, nullptr, 0);
  const ExtensionPtr extension(checked(X509V3_EXT_conf_nid(nullptr, &context, nid, value)));
  FEDQAT_CHECK(X509_add_ext(x, extension.get(), -1) == 1);
}

Result<Certificate> sign(Certificate c, const PrivateKey& key) {
  if (X509_sign(c.native(), key.native(), signing_digest(key.native())) <= 0) {
    return openssl_error(Errc::kInvalid, "cannot sign a certificate");
  }
  // The parsed form: caches of extensions are filled from what was signed.
  return Certificate::from_der(c.der());
}

bool is_host_name(std::string_view name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  };
  return !name.empty() && name.size() <= 253 && name.front() != '.' && name.front() != '-' &&
         name.find("..") == name.npos && std::all_of(name.begin(), name.end(), good);
}

Result<NamesPtr> alternative_names(const std::vector<std::string>& names) {
  NamesPtr list(checked(sk_GENERAL_NAME_new_null()));
  for (const std::string& name : names) {
    GENERAL_NAME* entry = checked(GENERAL_NAME_new());
    FEDQAT_CHECK(sk_GENERAL_NAME_push(list.get(), entry) > 0);
    const bool plain = name.find('\0') == name.npos;
    if (ASN1_OCTET_STRING* address = plain ? a2i_IPADDRESS(name.c_str()) : nullptr) {
      GENERAL_NAME_set0_value(entry, GEN_IPADD, address);
      continue;
    }
    ERR_clear_error();
    if (!is_host_name(name)) {
      return Error{Errc::kInvalid, "'" + name + "' is neither a host name nor an IP address"};
    }
    ASN1_IA5STRING* text = checked(ASN1_IA5STRING_new());
    FEDQAT_CHECK(ASN1_STRING_set(text, name.data(), static_cast<int>(name.size())) == 1);
    GENERAL_NAME_set0_value(entry, GEN_DNS, text);
  }
  return list;
}

Result<RequestPtr> open_csr(ByteView pem) {
  if (pem.size() > kMaxCsr) {
    return Error{Errc::kRejected, "a certificate request has at most 8 KiB"};
  }
  const BioPtr bio = read_from(pem);
  RequestPtr request(PEM_read_bio_X509_REQ(
      bio.get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr));
  if (request == nullptr) {
    return openssl_error(Errc::kRejected, "not a certificate request (PKCS#10 in PEM)");
  }
  ERR_clear_error();
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr) {
    return openssl_error(Errc::kRejected, "the certificate request has no usable key");
  }
  if (auto ok = check_key_type(key); !ok) return ok.error();
  if (X509_REQ_verify(request.get(), key) != 1) {
    return openssl_error(Errc::kRejected,
                         "the certificate request is not signed by the key it names");
  }
  return request;
}

}  // namespace

Result<Certificate> make_ca(const PrivateKey& key, std::string_view name, Validity validity) {
  if (auto ok = check_name(name); !ok) return ok.error();
  if (auto ok = check_validity(validity); !ok) return ok.error();
  Certificate c = begin_certificate(name, validity, key.native());
  X509* x = c.native();
  FEDQAT_CHECK(X509_set_issuer_name(x, X509_get_subject_name(x)) == 1);
  add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(x, x, NID_subject_key_identifier, "hash");
  return sign(std::move(c), key);
}

Result<Bytes> make_csr(const PrivateKey& key, std::string_view common_name) {
  if (auto ok = check_name(common_name); !ok) return ok.error();
  const RequestPtr request(checked(X509_REQ_new()));
  FEDQAT_CHECK(X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1);
  set_common_name(X509_REQ_get_subject_name(request.get()), common_name);
  FEDQAT_CHECK(X509_REQ_set_pubkey(request.get(), key.native()) == 1);
  FEDQAT_CHECK(X509_REQ_sign(request.get(), key.native(), signing_digest(key.native())) > 0);
  const BioPtr bio = write_to_memory();
  FEDQAT_CHECK(PEM_write_bio_X509_REQ(bio.get(), request.get()) == 1);
  return written(bio.get());
}

Result<Certificate> sign_csr(const Certificate& ca, const PrivateKey& ca_key, ByteView csr_pem,
                             const CertificateProfile& profile) {
  if (!ca.is_ca() || ca.public_key_sha256() != ca_key.public_sha256()) {
    return Error{Errc::kInvalid,
                 "the certificate is no authority, or the key is not its; give "
                 "the pair that make_ca() made"};
  }
  if (auto ok = check_name(profile.common_name); !ok) return ok.error();
  const Validity validity{std::max(profile.validity.not_before_s, ca.not_before_s()),
                          std::min(profile.validity.not_after_s, ca.not_after_s())};
  if (auto ok = check_validity(validity); !ok)
    return at("inside the authority's validity", ok.error());
  const bool server = profile.purpose == CertificateProfile::Purpose::kServer;
  if (server && profile.names.empty()) {
    return Error{Errc::kInvalid, "a server's certificate needs a host name or an IP address"};
  }
  auto names = alternative_names(profile.names);
  if (!names) return names.error();
  auto request = open_csr(csr_pem);
  if (!request) return request.error();

  Certificate c =
      begin_certificate(profile.common_name, validity, X509_REQ_get0_pubkey(request->get()));
  X509* x = c.native();
  FEDQAT_CHECK(X509_set_issuer_name(x, X509_get_subject_name(ca.native())) == 1);
  add_extension(x, ca.native(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(x, ca.native(), NID_key_usage, "critical,digitalSignature");
  add_extension(x, ca.native(), NID_ext_key_usage, server ? "serverAuth" : "clientAuth");
  add_extension(x, ca.native(), NID_subject_key_identifier, "hash");
  add_extension(x, ca.native(), NID_authority_key_identifier, "keyid:always");
  if (!profile.names.empty()) {
    FEDQAT_CHECK(X509_add1_ext_i2d(x, NID_subject_alt_name, names->get(), 0, X509V3_ADD_APPEND) ==
                 1);
  }
  return sign(std::move(c), ca_key);
}

}  // namespace fedqat
