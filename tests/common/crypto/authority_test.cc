#include "common/crypto/authority.h"

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <catch2/catch.hpp>

#include "common/base/fs.h"
#include "common/base/rng.h"
#include "tests/common/crypto/csr_samples.h"

using namespace fedqat;

namespace {

constexpr Validity kYears{1'700'000'000, 4'000'000'000};  // the end is beyond 2049

struct Authority {
  PrivateKey key = PrivateKey::make_p256();
  Certificate ca = *make_ca(key, "test CA", kYears);
  CertificateProfile client{"device 7", CertificateProfile::Purpose::kClient, {}, kYears};
  CertificateProfile server{"coordinator",
                            CertificateProfile::Purpose::kServer,
                            {"localhost", "127.0.0.1", "::1"},
                            kYears};

  Errc refusal(ByteView csr, const CertificateProfile& profile) const {
    const auto r = sign_csr(ca, key, csr, profile);
    REQUIRE_FALSE(r);
    return r.error().code;
  }
};

// OpenSSL's own verdict, all of RFC 5280's rules on.
int verdict(const Certificate& ca, const Certificate& leaf, int purpose, const char* host) {
  X509_STORE* store = X509_STORE_new();
  X509_STORE_add_cert(store, ca.native());
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, leaf.native(), nullptr);
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
  X509_VERIFY_PARAM_set_time(param, 1'800'000'000);
  X509_VERIFY_PARAM_set_auth_level(param, 2);
  X509_STORE_CTX_set_purpose(context, purpose);
  if (host != nullptr) X509_VERIFY_PARAM_set1_host(param, host, 0);
  X509_verify_cert(context);
  const int code = X509_STORE_CTX_get_error(context);
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  return code;
}

}  // namespace

TEST_CASE("authority: its certificate says what it is and passes for nothing else") {
  const Authority a;
  CHECK(a.ca.is_ca());
  CHECK(a.ca.issued_by(a.ca));
  CHECK(a.ca.common_name() == "test CA");
  CHECK(a.ca.not_before_s() == kYears.not_before_s);
  CHECK(a.ca.not_after_s() == kYears.not_after_s);
  CHECK(a.ca.public_key_sha256() == a.key.public_sha256());
  CHECK(a.ca.serial().size() == 32);
  CHECK(X509_get_pathlen(a.ca.native()) == 0);
  CHECK(X509_get_key_usage(a.ca.native()) == (KU_KEY_CERT_SIGN | KU_CRL_SIGN));
}

TEST_CASE("authority: a device's certificate verifies for its purpose only") {
  const Authority a;
  for (const PrivateKey& key : {PrivateKey::make_p256(), PrivateKey::make_ed25519()}) {
    const auto csr = make_csr(key, "wish");
    REQUIRE(csr);
    const auto client = sign_csr(a.ca, a.key, *csr, a.client);
    REQUIRE(client);
    CHECK(client->common_name() == "device 7");
    CHECK(client->public_key_sha256() == key.public_sha256());
    CHECK(client->issued_by(a.ca));
    CHECK_FALSE(client->issued_by(Authority().ca));
    CHECK_FALSE(client->is_ca());
    CHECK(verdict(a.ca, *client, X509_PURPOSE_SSL_CLIENT, nullptr) == X509_V_OK);
    CHECK(verdict(a.ca, *client, X509_PURPOSE_SSL_SERVER, nullptr) == X509_V_ERR_INVALID_PURPOSE);
    const auto server = sign_csr(a.ca, a.key, *csr, a.server);
    REQUIRE(server);
    CHECK(verdict(a.ca, *server, X509_PURPOSE_SSL_SERVER, "localhost") == X509_V_OK);
    CHECK(verdict(a.ca, *server, X509_PURPOSE_SSL_SERVER, "other") == X509_V_ERR_HOSTNAME_MISMATCH);
    CHECK(verdict(a.ca, *server, X509_PURPOSE_SSL_CLIENT, nullptr) == X509_V_ERR_INVALID_PURPOSE);
    CHECK(X509_check_ip_asc(server->native(), "127.0.0.1", 0) == 1);
    CHECK(X509_check_ip_asc(server->native(), "::1", 0) == 1);
    CHECK(X509_check_ip_asc(server->native(), "127.0.0.2", 0) == 0);
    CHECK(server->serial() != client->serial());
  }
}

TEST_CASE("authority: what a request asks for is ignored") {
  const Authority a;
  const auto r = sign_csr(a.ca, a.key, as_bytes(kGreedyCsr), a.client);
  REQUIRE(r);
  CHECK(r->common_name() == "device 7");
  CHECK_FALSE(r->is_ca());
  CHECK(X509_NAME_entry_count(X509_get_subject_name(r->native())) == 1);
  CHECK(X509_get_key_usage(r->native()) == KU_DIGITAL_SIGNATURE);
  CHECK(X509_get_extended_key_usage(r->native()) == XKU_SSL_CLIENT);
  CHECK(X509_get_ext_by_NID(r->native(), NID_subject_alt_name, -1) < 0);
}

TEST_CASE("authority: weak keys, other curves, oversize and unsigned requests are refused") {
  const Authority a;
  CHECK(a.refusal(as_bytes(kRsaCsr), a.client) == Errc::kRejected);
  CHECK(a.refusal(as_bytes(kSecp256k1Csr), a.client) == Errc::kRejected);
  CHECK(a.refusal(as_bytes(kExplicitCurveCsr), a.client) == Errc::kRejected);
  CHECK(a.refusal(a.ca.to_pem(), a.client) == Errc::kRejected);
  CHECK(a.refusal({}, a.client) == Errc::kRejected);
  Bytes csr = *make_csr(PrivateKey::make_p256(), "x");
  Bytes padded = csr;
  padded.resize(kMaxCsr + 1, std::byte{'\n'});
  CHECK(a.refusal(padded, a.client) == Errc::kRejected);
  // Any change of a base64 digit hits the contents, the key or the signature.
  const std::string_view text = as_text(csr);
  const std::size_t first = text.find('\n') + 1, last = text.rfind("-----END") - 8;
  int accepted = 0;
  for (std::size_t i = first; i < last; ++i) {
    if (text[i] == '\n') continue;
    Bytes bad = csr;
    bad[i] = text[i] == 'A' ? std::byte{'B'} : std::byte{'A'};
    accepted += sign_csr(a.ca, a.key, bad, a.client) ? 1 : 0;
  }
  CHECK(accepted == 0);
}

TEST_CASE("authority: profiles that make no sense are refused") {
  const Authority a;
  const Bytes csr = *make_csr(PrivateKey::make_p256(), "x");
  const auto with = [&](auto change) {
    CertificateProfile p = a.server;
    change(p);
    return a.refusal(csr, p) == Errc::kInvalid;
  };
  CHECK(with([](auto& p) { p.common_name = ""; }));
  CHECK(with([](auto& p) { p.common_name = std::string(65, 'x'); }));
  CHECK(with([](auto& p) { p.common_name = "two\nlines"; }));
  CHECK(with([](auto& p) { p.names.clear(); }));
  CHECK(with([](auto& p) { p.names = {"*.example"}; }));
  CHECK(with([](auto& p) { p.names = {"a, IP:1.2.3.4"}; }));
  CHECK(with([](auto& p) { p.names = {std::string("a\0b", 3)}; }));
  CHECK(with([](auto& p) { p.validity = {5, 4}; }));
  CHECK(with([](auto& p) { p.validity = {4'100'000'000, 4'200'000'000}; }));
  const auto other = sign_csr(a.ca, PrivateKey::make_p256(), csr, a.client);
  REQUIRE_FALSE(other);
  CHECK(other.error().code == Errc::kInvalid);
  const Certificate leaf = *sign_csr(a.ca, a.key, csr, a.client);
  CHECK_FALSE(sign_csr(leaf, a.key, csr, a.client));
  CHECK_FALSE(make_ca(a.key, "", kYears));
  CHECK_FALSE(make_csr(a.key, ""));
}

TEST_CASE("authority: a certificate ends with its CA at the latest") {
  Authority a;
  a.client.validity = {1, 9'000'000'000};
  const auto r = sign_csr(a.ca, a.key, *make_csr(PrivateKey::make_p256(), "x"), a.client);
  REQUIRE(r);
  CHECK(r->not_before_s() == kYears.not_before_s);
  CHECK(r->not_after_s() == kYears.not_after_s);
}

TEST_CASE("certificate: PEM, DER and chains come back; damage is an error") {
  const Authority a;
  const Bytes pem = a.ca.to_pem(), der = a.ca.der();
  CHECK(Certificate::from_pem(pem)->sha256() == a.ca.sha256());
  CHECK(Certificate::from_der(der)->sha256() == sha256(der));
  Bytes two = pem;
  const Bytes second = Authority().ca.to_pem();
  two.insert(two.end(), second.begin(), second.end());
  const auto chain = Certificate::chain_from_pem(two);
  REQUIRE(chain);
  REQUIRE(chain->size() == 2);
  CHECK((*chain)[0].sha256() == a.ca.sha256());
  CHECK((*chain)[1].sha256() == Certificate::from_pem(second)->sha256());
  CHECK_FALSE(Certificate::chain_from_pem(ByteView(two).first(two.size() - 40)));
  CHECK_FALSE(Certificate::chain_from_pem({}));
  for (std::size_t n = 0; n < der.size(); ++n)
    CHECK_FALSE(Certificate::from_der(ByteView(der).first(n)));
  Bytes longer = der;
  longer.push_back({});
  CHECK_FALSE(Certificate::from_der(longer));
}

TEST_CASE("certificate: whatever parses after damage can be asked everything") {
  const Authority a;
  const Certificate leaf =
      *sign_csr(a.ca, a.key, *make_csr(PrivateKey::make_p256(), "x"), a.server);
  const Bytes der = leaf.der();
  Rng rng({4, 0, 0, Purpose::kTest});
  for (int i = 0; i < 4000; ++i) {
    Bytes bad = der;
    for (std::uint32_t k = 0; k <= rng.below(3); ++k) {
      bad[rng.below(static_cast<std::uint32_t>(bad.size()))] = std::byte(rng.next_u32() & 255);
    }
    const auto c = Certificate::from_der(bad);
    if (!c) continue;
    (void)c->common_name();
    (void)c->serial();
    (void)c->not_before_s();
    (void)c->not_after_s();
    (void)c->is_ca();
    (void)c->public_key_sha256();
    (void)c->to_pem();
    CHECK((bad == der || !c->issued_by(a.ca)));
  }
}
