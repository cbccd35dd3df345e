#include "tests/support/certificates.h"

#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "common/base/check.h"
#include "common/base/fs.h"
#include "common/net/openssl.h"

namespace fedqat {
namespace {

PkeyPtr make_key(TestKey kind) {
  switch (kind) {
    case TestKey::kP256:
      return PkeyPtr(EVP_EC_gen("P-256"));
    case TestKey::kRsa2048:
      return PkeyPtr(EVP_RSA_gen(2048));
    case TestKey::kRsa1024:
      return PkeyPtr(EVP_RSA_gen(1024));
  }
  return nullptr;
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* e = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  FEDQAT_CHECK(e != nullptr && X509_add_ext(certificate, e, -1) == 1);
  X509_EXTENSION_free(e);
}

}  // namespace

TestCertificate make_test_certificate(const TestCertificateSpec& spec,
                                      const TestCertificate* issuer) {
  const PkeyPtr key = make_key(spec.key);
  FEDQAT_CHECK(key != nullptr);
  const X509Ptr certificate(X509_new());
  X509* x = certificate.get();
  X509_set_version(x, X509_VERSION_3);
  std::uint32_t serial = 0;
  FEDQAT_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial | 1U);
  X509_gmtime_adj(X509_getm_notBefore(x), static_cast<long>(spec.begins_in_s));
  X509_gmtime_adj(X509_getm_notAfter(x), static_cast<long>(spec.ends_in_s));
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(spec.common_name.c_str()), -1,
                             -1, 0);
  FEDQAT_CHECK(X509_set_pubkey(x, key.get()) == 1);

  X509Ptr issuer_certificate;
  PkeyPtr issuer_key;
  if (issuer != nullptr) {
    issuer_certificate.reset(
        PEM_read_bio_X509(read_from(as_bytes(issuer->pem)).get(), nullptr, nullptr, nullptr));
    issuer_key.reset(PEM_read_bio_PrivateKey(read_from(as_bytes(issuer->key_pem)).get(), nullptr,
                                             nullptr, nullptr));
    FEDQAT_CHECK(issuer_certificate != nullptr && issuer_key != nullptr);
  }
  X509* by = issuer == nullptr ? x : issuer_certificate.get();
  X509_set_issuer_name(x, X509_get_subject_name(by));
  add_extension(x, by, NID_basic_constraints, spec.ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  add_extension(x, by, NID_key_usage,
                spec.ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
  add_extension(x, by, NID_subject_key_identifier, "hash");
  if (!spec.extended_key_usage.empty()) {
    add_extension(x, by, NID_ext_key_usage, spec.extended_key_usage);
  }
  if (!spec.alt_names.empty()) add_extension(x, by, NID_subject_alt_name, spec.alt_names);
  EVP_PKEY* signer = issuer == nullptr ? key.get() : issuer_key.get();
  FEDQAT_CHECK(X509_sign(x, signer, spec.sha1 ? EVP_sha1() : EVP_sha256()) > 0);

  TestCertificate made;
  const BioPtr pem = write_to_memory();
  PEM_write_bio_X509(pem.get(), x);
  made.pem = std::string(as_text(written(pem.get())));
  const BioPtr key_pem = write_to_memory();
  PEM_write_bio_PKCS8PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  made.key_pem = std::string(as_text(written(key_pem.get())));
  X509_digest(x, EVP_sha256(), reinterpret_cast<unsigned char*>(made.sha256.data()), nullptr);
  unsigned char* spki = nullptr;
  const int size = i2d_PUBKEY(key.get(), &spki);
  made.public_key =
      sha256({reinterpret_cast<const std::byte*>(spki), static_cast<std::size_t>(size)});
  OPENSSL_free(spki);
  return made;
}

TestCertificateSpec test_ca_spec(const std::string& name) {
  TestCertificateSpec s;
  s.common_name = name;
  s.ca = true;
  return s;
}

TestCertificateSpec test_server_spec() {
  TestCertificateSpec s;
  s.common_name = "coordinator";
  s.alt_names = "DNS:localhost,IP:127.0.0.1";
  s.extended_key_usage = "serverAuth";
  return s;
}

TestCertificateSpec test_client_spec(const std::string& device) {
  TestCertificateSpec s;
  s.common_name = device;
  s.extended_key_usage = "clientAuth";
  return s;
}

TestPki::TestPki()
    : ca(make_test_certificate(test_ca_spec())),
      server(make_test_certificate(test_server_spec(), &ca)),
      client(make_test_certificate(test_client_spec(), &ca)) {}

TlsContext TestPki::server_context() const {
  return TlsContext::server(server_identity(), ca.pem).value();
}
TlsContext TestPki::client_context() const {
  return TlsContext::client(client_identity(), ca.pem).value();
}

}  // namespace fedqat
