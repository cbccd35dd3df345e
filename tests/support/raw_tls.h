// Sockets and TLS ends without any of our checks, for tests that play the hostile side.
#pragma once

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "tests/support/certificates.h"

namespace fedqat {

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

// A TCP connection to 127.0.0.1; no call takes longer than ten seconds.
class RawSocket {
 public:
  explicit RawSocket(std::uint16_t port) : RawSocket(::socket(AF_INET, SOCK_STREAM, 0), 0) {
    const sockaddr_in a = loopback(port);
    FEDQAT_CHECK(::connect(fd_, reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0);
  }
  RawSocket(int fd, int /*adopted*/) : fd_(fd) {
    const timeval limit{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  ~RawSocket() { ::close(fd_); }
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;
  int fd() const { return fd_; }
  bool send(const std::string& bytes) const {
    return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  // The other side has closed it.
  bool gone() const {
    char c = 0;
    const ssize_t n = ::recv(fd_, &c, 1, MSG_DONTWAIT | MSG_PEEK);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
  }

 private:
  int fd_;
};

class RawListener {
 public:
  RawListener() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in a = loopback(0);
    socklen_t size = sizeof a;
    FEDQAT_CHECK(::bind(fd_, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
    FEDQAT_CHECK(::listen(fd_, 16) == 0);
    FEDQAT_CHECK(::getsockname(fd_, reinterpret_cast<sockaddr*>(&a), &size) == 0);
    port_ = ntohs(a.sin_port);
  }
  ~RawListener() { ::close(fd_); }
  RawListener(const RawListener&) = delete;
  RawListener& operator=(const RawListener&) = delete;
  std::uint16_t port() const { return port_; }
  int accept() const { return ::accept(fd_, nullptr, nullptr); }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

// What the unchecked side shows.
struct RawTlsSpec {
  std::string certificate_pem;  // chain, own first; "": none
  std::string key_pem;
  int min_version = TLS1_VERSION;
  int max_version = TLS1_3_VERSION;
  std::string ciphersuites;  // "": OpenSSL's
};

// Blocking; believes everybody, refuses no key and no signature.
class RawTls {
 public:
  RawTls(const RawTlsSpec& spec, bool server, int fd) {
    ctx_ = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    SSL_CTX_set_security_level(ctx_, 0);
    SSL_CTX_set_cipher_list(ctx_, "ALL:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(ctx_, spec.min_version);
    SSL_CTX_set_max_proto_version(ctx_, spec.max_version);
    SSL_CTX_set_mode(ctx_, SSL_MODE_NO_AUTO_CHAIN);
    if (!spec.ciphersuites.empty()) {
      FEDQAT_CHECK(SSL_CTX_set_ciphersuites(ctx_, spec.ciphersuites.c_str()) == 1);
    }
    if (!spec.certificate_pem.empty()) use(spec);
    if (server) {
      SSL_CTX_set_verify(ctx_, SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
    }
    ssl_ = SSL_new(ctx_);
    SSL_set_fd(ssl_, fd);
    if (!server) SSL_set_tlsext_host_name(ssl_, "localhost");
    shaken_ = (server ? SSL_accept(ssl_) : SSL_connect(ssl_)) == 1;
  }
  ~RawTls() {
    SSL_free(ssl_);
    SSL_CTX_free(ctx_);
  }
  RawTls(const RawTls&) = delete;
  RawTls& operator=(const RawTls&) = delete;
  bool shaken() const { return shaken_; }  // this side thinks the handshake is done
  bool write(ByteView bytes) {
    return shaken_ && SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  bool read_byte() {
    char c = 0;
    return shaken_ && SSL_read(ssl_, &c, 1) == 1;
  }

 private:
  void use(const RawTlsSpec& spec) {
    BIO* chain =
        BIO_new_mem_buf(spec.certificate_pem.data(), static_cast<int>(spec.certificate_pem.size()));
    X509* own = PEM_read_bio_X509(chain, nullptr, nullptr, nullptr);
    FEDQAT_CHECK(own != nullptr && SSL_CTX_use_certificate(ctx_, own) == 1);
    X509_free(own);
    while (X509* next = PEM_read_bio_X509(chain, nullptr, nullptr, nullptr)) {
      SSL_CTX_add0_chain_cert(ctx_, next);
    }
    BIO_free(chain);
    BIO* key_bio = BIO_new_mem_buf(spec.key_pem.data(), static_cast<int>(spec.key_pem.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(key_bio, nullptr, nullptr, nullptr);
    FEDQAT_CHECK(key != nullptr && SSL_CTX_use_PrivateKey(ctx_, key) == 1);
    EVP_PKEY_free(key);
    BIO_free(key_bio);
  }

  SSL_CTX* ctx_ = nullptr;
  SSL* ssl_ = nullptr;
  bool shaken_ = false;
};

}  // namespace fedqat
