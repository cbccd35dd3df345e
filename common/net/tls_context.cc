#include "common/net/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "common/net/openssl.h"
#include "common/net/tls_errors.h"

namespace fedqat {

struct TlsContext::Impl {
  SslCtxPtr ctx;
  bool server = false;
  std::optional<Digest> pinned;
};

namespace {

Error invalid(const std::string& place, const std::string& remedy) {
  const std::string reason = take_openssl_error();
  return {Errc::kInvalid, place + ": " + (reason.empty() ? "" : reason + ": ") + remedy};
}

// Without it OpenSSL would ask for a passphrase on the terminal.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

BioPtr pem_bio(const std::string& pem) {
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// The certificate among those the peer sent whose DER has the pinned digest.
X509* find_pinned(X509_STORE_CTX* store, const Digest& pinned) {
  STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(store);
  for (int i = 0; i < sk_X509_num(sent); ++i) {
    X509* certificate = sk_X509_value(sent, i);
    Digest digest{};
    unsigned size = 0;
    if (X509_digest(certificate, EVP_sha256(), reinterpret_cast<unsigned char*>(digest.data()),
                    &size) == 1 &&
        digest == pinned) {
      return certificate;
    }
  }
  return nullptr;
}

// In place of X509_verify_cert(): the same, against the pinned CA if there is one, and keeps a text
// of what was wrong.
int verify(X509_STORE_CTX* store, void* pinned_digest) {
  int ok = 0;
  STACK_OF(X509)* trusted = nullptr;
  if (pinned_digest != nullptr) {
    X509* ca = find_pinned(store, *static_cast<const Digest*>(pinned_digest));
    if (ca == nullptr) {
      X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    } else if (trusted = sk_X509_new_null(); trusted != nullptr && sk_X509_push(trusted, ca) > 0) {
      X509_STORE_CTX_set0_trusted_stack(store, trusted);
      ok = X509_verify_cert(store);
    }
  } else {
    ok = X509_verify_cert(store);
  }
  if (ok != 1) set_verify_error(verify_error_text(store));
  if (trusted != nullptr) {
    X509_STORE_CTX_set0_trusted_stack(store, nullptr);
    sk_X509_free(trusted);
  }
  return ok == 1 ? 1 : 0;
}

Result<SslCtxPtr> make_ctx(bool server) {
  SslCtxPtr ctx(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
  if (ctx == nullptr) return invalid("TLS", "OpenSSL gives no context");
  SSL_CTX* c = ctx.get();
  SSL_CTX_set_security_level(c, 2);
  SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(c, 0);
  // NO_AUTO_CHAIN: only what the identity holds is sent, never a CA found among the trusted ones.
  SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_read_ahead(c, 1);
  SSL_CTX_set_verify_depth(c, 4);
  SSL_CTX_set_max_cert_list(c, 32 * 1024);
  if (SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(c,
                               "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                               "TLS_CHACHA20_POLY1305_SHA256") != 1 ||
      SSL_CTX_set1_groups_list(c, "X25519:P-256") != 1) {
    return invalid("TLS", "this OpenSSL has no TLS 1.3 as fedqat needs it");
  }
  return ctx;
}

Result<void> use_identity(SSL_CTX* ctx, const TlsIdentity& identity) {
  ERR_clear_error();
  const BioPtr chain = pem_bio(identity.certificate_chain_pem);
  const X509Ptr own(PEM_read_bio_X509(chain.get(), nullptr, no_passphrase, nullptr));
  if (own == nullptr) return invalid("certificate chain", "give a PEM certificate");
  if (SSL_CTX_use_certificate(ctx, own.get()) != 1) {
    return invalid("certificate chain", "make it again with P-256 or RSA 2048 and SHA-256");
  }
  while (X509Ptr next{PEM_read_bio_X509(chain.get(), nullptr, no_passphrase, nullptr)}) {
    if (SSL_CTX_add1_chain_cert(ctx, next.get()) != 1) {
      return invalid("certificate chain", "make its CA again with P-256 or RSA 2048 and SHA-256");
    }
  }
  ERR_clear_error();  // the end of the PEM text is an error to PEM_read_bio_X509
  const BioPtr key_bio = pem_bio(identity.private_key_pem);
  const PkeyPtr key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_passphrase, nullptr));
  if (key == nullptr) return invalid("private key", "give a PEM key without a passphrase");
  if (SSL_CTX_use_PrivateKey(ctx, key.get()) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
    return invalid("private key", "it does not belong to the certificate; give the pair");
  }
  return {};
}

Result<void> trust(SSL_CTX* ctx, const std::string& ca_pem) {
  ERR_clear_error();
  const BioPtr bio = pem_bio(ca_pem);
  int count = 0;
  while (X509Ptr ca{PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)}) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca.get()) != 1) {
      return invalid("CA certificate", "OpenSSL does not take it");
    }
    ++count;
  }
  if (count == 0) return invalid("CA certificate", "give at least one PEM certificate");
  ERR_clear_error();
  return {};
}

}  // namespace

Result<TlsContext> TlsContext::server(const TlsIdentity& identity,
                                      const std::string& client_ca_pem) {
  auto made = server_without_client_certificates(identity);
  if (!made) return made;
  if (auto r = trust(made->get(), client_ca_pem); !r) return r.error();
  SSL_CTX_set_purpose(made->get(), X509_PURPOSE_SSL_CLIENT);
  SSL_CTX_set_verify(made->get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(made->get(), verify, nullptr);
  return made;
}

Result<TlsContext> TlsContext::server_without_client_certificates(const TlsIdentity& identity) {
  auto ctx = make_ctx(true);
  if (!ctx) return ctx.error();
  if (auto r = use_identity(ctx->get(), identity); !r) return r.error();
  return TlsContext(std::make_shared<const Impl>(Impl{std::move(*ctx), true, {}}));
}

Result<TlsContext> TlsContext::client(const TlsIdentity& identity, const std::string& ca_pem) {
  auto ctx = make_ctx(false);
  if (!ctx) return ctx.error();
  if (!identity.certificate_chain_pem.empty() || !identity.private_key_pem.empty()) {
    if (auto r = use_identity(ctx->get(), identity); !r) return r.error();
  }
  if (auto r = trust(ctx->get(), ca_pem); !r) return r.error();
  SSL_CTX_set_purpose(ctx->get(), X509_PURPOSE_SSL_SERVER);
  SSL_CTX_set_verify(ctx->get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(ctx->get(), verify, nullptr);
  return TlsContext(std::make_shared<const Impl>(Impl{std::move(*ctx), false, {}}));
}

Result<TlsContext> TlsContext::client_pinned(const Digest& ca_sha256) {
  auto ctx = make_ctx(false);
  if (!ctx) return ctx.error();
  auto impl = std::make_shared<Impl>(Impl{std::move(*ctx), false, ca_sha256});
  SSL_CTX* c = impl->ctx.get();
  SSL_CTX_set_purpose(c, X509_PURPOSE_SSL_SERVER);
  SSL_CTX_set_verify(c, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(c, verify, &*impl->pinned);
  return TlsContext(std::move(impl));
}

ssl_ctx_st* TlsContext::get() const { return impl_->ctx.get(); }
bool TlsContext::is_server() const { return impl_->server; }

}  // namespace fedqat
