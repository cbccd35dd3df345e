#include "common/net/tls_transport.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include "common/base/check.h"
#include "common/net/openssl.h"
#include "common/net/tcp_connect.h"
#include "common/net/tls_errors.h"

namespace fedqat {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kGrow = std::size_t{64} << 10;

// Bytes go no faster than `rate` a second on average since the first.
class Pace {
 public:
  explicit Pace(std::uint64_t rate) : rate_(rate), start_(Clock::now()) {}
  // The most to move at once: a tenth of a second's, one TLS record at most.
  std::size_t piece(std::size_t wanted) const {
    if (rate_ == 0) return wanted;
    return std::min(wanted, std::clamp<std::size_t>(rate_ / 10, 512, 16384));
  }
  void moved(std::size_t bytes) {
    if (rate_ == 0) return;
    total_ += bytes;
    std::this_thread::sleep_until(
        start_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(
                     static_cast<double>(total_) / static_cast<double>(rate_))));
  }

 private:
  const std::uint64_t rate_;
  const Clock::time_point start_;
  std::size_t total_ = 0;
};

}  // namespace

struct TlsTransport::Impl {
  Impl(TlsTransportOptions o, TlsContext c)
      : options(std::move(o)),
        context(std::move(c)),
        place(options.host + " port " + std::to_string(options.port)) {}
  ~Impl() { disconnect(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> connect();
  Result<void> handshake();
  bool still_usable();
  Result<Bytes> exchange(ByteView request);
  Result<void> write_all(ByteView bytes);
  Result<void> read_all(std::byte* out, std::size_t size, Pace& pace);
  Error failure(int ssl_result);
  void disconnect();
  std::uint64_t wire_bytes() const {
    return BIO_number_read(SSL_get_rbio(ssl.get())) + BIO_number_written(SSL_get_wbio(ssl.get()));
  }
  // Repeats `io` until it returns above 0, waiting for the socket between; its result, or why not.
  template <class Io>
  Result<int> repeat(Io io, const char* what);

  const TlsTransportOptions options;
  const TlsContext context;
  const std::string place;
  int fd = -1;
  SslPtr ssl;
  bool trouble = false;  // after an error there is no close_notify to be sent
  TransportTraffic closed;
};

template <class Io>
Result<int> TlsTransport::Impl::repeat(Io io, const char* what) {
  const auto limit = milliseconds(options.stall_timeout_ms);
  auto deadline = Clock::now() + limit;
  for (std::uint64_t wire = wire_bytes();;) {
    ERR_clear_error();
    const int n = io();
    if (n > 0) return n;
    const int error = SSL_get_error(ssl.get(), n);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return failure(n);
    if (const std::uint64_t now = wire_bytes(); now != wire) {
      wire = now;
      deadline = Clock::now() + limit;
    }
    if (!wait_ready(fd, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline)) {
      return Error{Errc::kTimeout, place + ": no byte moved for " +
                                       std::to_string(options.stall_timeout_ms) + " ms while " +
                                       what + ": check the network; the next call connects anew"};
    }
  }
}

// Certificates that were refused are kRejected: trying again does not help.
Error TlsTransport::Impl::failure(int ssl_result) {
  trouble = true;
  const int system_error = errno;
  if (std::string text = take_verify_error(); !text.empty()) {
    ERR_clear_error();
    return {Errc::kRejected, place + ": the server's " + text};
  }
  const int error = SSL_get_error(ssl.get(), ssl_result);
  if (error == SSL_ERROR_ZERO_RETURN) {
    return {Errc::kUnavailable, place + ": the server closed the connection; try again"};
  }
  const unsigned long code = ERR_peek_error();
  if (std::string text = refused_by_peer_text(code); !text.empty()) {
    ERR_clear_error();
    return {Errc::kRejected, place + ": the server refused the connection: " + text};
  }
  const bool cut =
      error == SSL_ERROR_SYSCALL || (ERR_GET_LIB(code) == ERR_LIB_SSL &&
                                     ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING);
  const std::string reason = take_openssl_error();
  if (cut) {
    return {Errc::kUnavailable,
            place + ": the connection was cut" +
                (system_error != 0 ? std::string(" (") + std::strerror(system_error) + ")" : "") +
                "; try again"};
  }
  return {Errc::kUnavailable, place + ": TLS failed (" + reason +
                                  "): try again; if it stays, check that this is the "
                                  "coordinator's port and nothing between changes the bytes"};
}

Result<void> TlsTransport::Impl::connect() {
  const auto connected = tcp_connect(options.host, options.port, options.connect_timeout_ms);
  if (!connected) return connected.error();
  fd = *connected;
  ssl.reset(SSL_new(context.get()));
  if (ssl == nullptr || SSL_set_fd(ssl.get(), fd) != 1) {
    return Error{Errc::kUnavailable, place + ": no memory for a TLS connection"};
  }
  trouble = false;
  const std::string& name = options.server_name.empty() ? options.host : options.server_name;
  X509_VERIFY_PARAM* param = SSL_get0_param(ssl.get());
  X509_VERIFY_PARAM_set_hostflags(
      param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (X509_VERIFY_PARAM_set1_ip_asc(param, name.c_str()) != 1) {
    ERR_clear_error();
    if (name.empty() || SSL_set1_host(ssl.get(), name.c_str()) != 1 ||
        SSL_set_tlsext_host_name(ssl.get(), name.c_str()) != 1) {
      ERR_clear_error();
      return Error{Errc::kInvalid, place + ": '" + name + "' is no server name"};
    }
  }
  if (options.max_up_bytes_per_s != 0) {
    SSL_set_max_send_fragment(
        ssl.get(), std::clamp<std::uint64_t>(options.max_up_bytes_per_s / 10, 512, 16384));
  }
  SSL_set_connect_state(ssl.get());
  return handshake();
}

Result<void> TlsTransport::Impl::handshake() {
  const auto deadline = Clock::now() + milliseconds(options.handshake_timeout_ms);
  for (;;) {
    ERR_clear_error();
    const int n = SSL_do_handshake(ssl.get());
    if (n == 1) break;
    const int error = SSL_get_error(ssl.get(), n);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return failure(n);
    if (!wait_ready(fd, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline)) {
      trouble = true;
      return Error{Errc::kTimeout,
                   place + ": no TLS handshake within " +
                       std::to_string(options.handshake_timeout_ms) +
                       " ms: check that this is the coordinator's port; it may be overloaded"};
    }
  }
  ++closed.connects;
  return {};
}

// Between calls the server has nothing to say: what can be read is its farewell.
bool TlsTransport::Impl::still_usable() {
  pollfd p{fd, POLLIN, 0};
  return SSL_has_pending(ssl.get()) == 0 && ::poll(&p, 1, 0) == 0;
}

Result<void> TlsTransport::Impl::write_all(ByteView bytes) {
  Pace pace(options.max_up_bytes_per_s);
  while (!bytes.empty()) {
    const auto n = repeat(
        [&] {
          return SSL_write(ssl.get(), bytes.data(), static_cast<int>(pace.piece(bytes.size())));
        },
        "sending");
    if (!n) {
      // The server may have said why before it closed.
      std::byte nothing{};
      if (n.error().code == Errc::kUnavailable && SSL_read(ssl.get(), &nothing, 1) <= 0) {
        if (Error said = failure(-1); said.code == Errc::kRejected) return said;
      }
      return n.error();
    }
    bytes = bytes.subspan(static_cast<std::size_t>(*n));
    pace.moved(static_cast<std::size_t>(*n));
  }
  return {};
}

Result<void> TlsTransport::Impl::read_all(std::byte* out, std::size_t size, Pace& pace) {
  while (size > 0) {
    const auto n = repeat(
        [&] { return SSL_read(ssl.get(), out, static_cast<int>(pace.piece(size))); }, "receiving");
    if (!n) return n.error();
    out += *n;
    size -= static_cast<std::size_t>(*n);
    pace.moved(static_cast<std::size_t>(*n));
  }
  return {};
}

Result<Bytes> TlsTransport::Impl::exchange(ByteView request) {
  if (auto r = write_all(request); !r) return r.error();
  Pace pace(options.max_down_bytes_per_s);
  Bytes reply(kFrameHeader);
  if (auto r = read_all(reply.data(), reply.size(), pace); !r) return r.error();
  std::size_t length = 0;
  for (std::size_t i = 0; i < kFrameHeader; ++i) {
    length |= std::to_integer<std::size_t>(reply[i]) << (8 * i);
  }
  if (length > options.max_frame - kFrameHeader) {
    return Error{Errc::kCorrupt, place + ": the server announces a reply of " +
                                     std::to_string(length) + " bytes; at most " +
                                     std::to_string(options.max_frame - kFrameHeader) +
                                     " are allowed"};
  }
  const std::size_t size = kFrameHeader + length;
  while (reply.size() < size) {  // memory for what has arrived, not for what is announced
    const std::size_t have = reply.size();
    reply.resize(std::min(size, have + std::max(have, kGrow)));
    if (auto r = read_all(reply.data() + have, reply.size() - have, pace); !r) return r.error();
  }
  return reply;
}

void TlsTransport::Impl::disconnect() {
  if (ssl != nullptr) {
    if (!trouble && SSL_is_init_finished(ssl.get()) != 0) SSL_shutdown(ssl.get());
    ERR_clear_error();
    if (SSL_get_rbio(ssl.get()) != nullptr) {
      closed.bytes_received += BIO_number_read(SSL_get_rbio(ssl.get()));
      closed.bytes_sent += BIO_number_written(SSL_get_wbio(ssl.get()));
    }
    ssl.reset();
  }
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

TlsTransport::TlsTransport(TlsTransportOptions options, const TlsContext& context)
    : impl_(std::make_unique<Impl>(std::move(options), context)) {
  FEDQAT_CHECK(!context.is_server());
  std::signal(SIGPIPE, SIG_IGN);
}

TlsTransport::~TlsTransport() = default;

Result<Bytes> TlsTransport::call(ByteView request) {
  if (request.size() < kFrameHeader || request.size() > impl_->options.max_frame) {
    return Error{Errc::kInvalid, impl_->place + ": a request of " + std::to_string(request.size()) +
                                     " bytes is no frame"};
  }
  if (impl_->ssl != nullptr && !impl_->still_usable()) impl_->disconnect();
  if (impl_->ssl == nullptr) {
    if (auto r = impl_->connect(); !r) {
      impl_->disconnect();
      return r.error();
    }
  }
  auto reply = impl_->exchange(request);
  if (!reply) impl_->disconnect();
  return reply;
}

void TlsTransport::disconnect() { impl_->disconnect(); }

TransportTraffic TlsTransport::traffic() const {
  TransportTraffic t = impl_->closed;
  if (impl_->ssl != nullptr) {
    t.bytes_received += BIO_number_read(SSL_get_rbio(impl_->ssl.get()));
    t.bytes_sent += BIO_number_written(SSL_get_wbio(impl_->ssl.get()));
  }
  return t;
}

}  // namespace fedqat
