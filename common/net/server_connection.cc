#include "common/net/server_connection.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <exception>
#include <utility>

#include "common/net/tls_errors.h"

namespace fedqat {
namespace {

using Wait = asio::posix::stream_descriptor;

constexpr std::int64_t kLingerMs = 1000;
// OpenSSL's receive buffer inside a large frame: one system call fills it, instead of two for each
// record of 16 KiB. In small ones its own 17 KiB do.
constexpr std::size_t kLargeReadBuffer = std::size_t{128} << 10;
// Memory is touched as the bytes arrive, not when they are announced; a record at a time, in L1.
constexpr std::size_t kGrow = std::size_t{16} << 10;
// A connection that always has bytes gives way to others after these.
constexpr std::size_t kTurnSteps = 64;

std::string common_name(const X509* certificate) {
  std::array<char, 128> name{};
  const int n = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                          name.data(), static_cast<int>(name.size()));
  return n > 0 ? std::string(name.data(), static_cast<std::size_t>(n)) : std::string();
}

Digest public_key_digest(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  FEDQAT_CHECK(size > 0);
  const Digest digest =
      sha256({reinterpret_cast<const std::byte*>(der), static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return digest;
}

std::int64_t unix_time(const ASN1_TIME* time) {
  std::tm tm{};
  return ASN1_TIME_to_tm(time, &tm) == 1 ? ::timegm(&tm) : 0;
}

}  // namespace

std::shared_ptr<ServerConnection> ServerConnection::make(ServerWorker& worker, ConnectionId id,
                                                         Accepted accepted) {
  const TlsContext context = worker.core().context();
  SslPtr ssl(SSL_new(context.get()));
  if (ssl == nullptr || SSL_set_fd(ssl.get(), accepted.fd) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  SSL_set_accept_state(ssl.get());
  try {
    return std::make_shared<ServerConnection>(worker, id, std::move(accepted), std::move(ssl));
  } catch (const std::exception&) {
    return nullptr;
  }
}

ServerConnection::ServerConnection(ServerWorker& worker, ConnectionId id, Accepted accepted,
                                   SslPtr ssl)
    : worker_(worker),
      id_(id),
      source_(accepted.source),
      socket_(worker.io(), accepted.fd),
      ssl_(std::move(ssl)) {
  peer_.address = std::move(accepted.address);
  enter(State::kHandshake);
}

void ServerConnection::enter(State state) {
  state_ = state;
  state_ms_ = progress_ms_ = steady_now_ms();
  state_wire_ = wire_in_ + wire_out_;
}

void ServerConnection::drive() {
  if (driving_ || state_ == State::kClosed) return;
  const auto self = shared_from_this();  // close() takes it off the worker
  driving_ = true;
  Next next = Next::kGoOn;
  try {
    for (std::size_t i = 0; next == Next::kGoOn && i < kTurnSteps; ++i) next = step();
  } catch (const std::exception&) {  // no memory, or the handler failed
    worker_.core().count(&ServerStats::handler_failures);
    next = Next::kClose;
  }
  driving_ = false;
  if (state_ == State::kClosed) return;
  note_traffic();
  switch (next) {
    case Next::kGoOn:
      asio::post(worker_.io(), [self] { self->drive(); });
      break;
    case Next::kRead:
      wait(Wait::wait_read);
      break;
    case Next::kWrite:
      wait(Wait::wait_write);
      break;
    case Next::kNothing:
      break;
    case Next::kClose:
      close();
      break;
  }
}

void ServerConnection::wait(Wait::wait_type what) {
  socket_.async_wait(what, [self = shared_from_this()](asio::error_code e) {
    if (!e) self->drive();
  });
}

ServerConnection::Next ServerConnection::step() {
  ERR_clear_error();
  switch (state_) {
    case State::kHandshake:
      return handshake();
    case State::kHeader:
      return read_header();
    case State::kBody:
      return read_body();
    case State::kWriting:
      return write_reply();
    case State::kLinger:
      return linger();
    case State::kWaitBudget:
    case State::kWaitReply:
    case State::kClosed:
      break;
  }
  return Next::kNothing;
}

ServerConnection::Next ServerConnection::want(int ssl_result) const {
  switch (SSL_get_error(ssl_.get(), ssl_result)) {
    case SSL_ERROR_WANT_READ:
      return Next::kRead;
    case SSL_ERROR_WANT_WRITE:
      return Next::kWrite;
    default:
      return Next::kClose;
  }
}

ServerConnection::Next ServerConnection::handshake() {
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) {
    const Next next = want(result);
    return next == Next::kClose ? handshake_failed() : next;
  }
  if (X509* certificate = SSL_get0_peer_certificate(ssl_.get()); certificate != nullptr) {
    peer_.public_key = public_key_digest(certificate);
    peer_.common_name = common_name(certificate);
    peer_.not_after_s = unix_time(X509_get0_notAfter(certificate));
  }
  authenticated_ = true;
  worker_.core().admission.authenticated();
  worker_.core().count(&ServerStats::handshakes);
  enter(State::kHeader);
  return Next::kGoOn;
}

ServerConnection::Next ServerConnection::handshake_failed() {
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  ServerCore& core = worker_.core();
  if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    core.count(&ServerStats::failed_no_certificate);
  } else if (!take_verify_error().empty() || reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    core.count(&ServerStats::failed_certificate);
  } else if (reason >= SSL_AD_REASON_OFFSET) {
    core.count(&ServerStats::failed_peer_refused);
  } else if (reason == 0 || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    core.count(&ServerStats::failed_dropped);
    return Next::kClose;
  } else {
    core.count(&ServerStats::failed_protocol);
  }
  // The client may have sent its first request already; closing with that unread would be a reset,
  // and the alert that tells it the reason would be lost.
  ::shutdown(socket_.native_handle(), SHUT_WR);
  enter(State::kLinger);
  return Next::kGoOn;
}

ServerConnection::Next ServerConnection::read_header() {
  const int n =
      SSL_read(ssl_.get(), header_.data() + have_, static_cast<int>(kFrameHeader - have_));
  if (n <= 0) return want(n);
  if (have_ == 0) enter(State::kHeader);
  have_ += static_cast<std::size_t>(n);
  return have_ < kFrameHeader ? Next::kGoOn : begin_frame();
}

ServerConnection::Next ServerConnection::begin_frame() {
  std::size_t length = 0;
  for (std::size_t i = 0; i < kFrameHeader; ++i) {
    length |= std::to_integer<std::size_t>(header_[i]) << (8 * i);
  }
  ServerCore& core = worker_.core();
  if (length > core.options.max_frame - kFrameHeader) {
    core.count(&ServerStats::refused_frames);
    return Next::kClose;
  }
  size_ = kFrameHeader + length;
  const bool large = size_ > MemoryBudget::kSmallFrame;
  const std::size_t bytes = size_ + (large ? kLargeReadBuffer : 0);
  enter(State::kWaitBudget);
  if (!core.budget.acquire(bytes, [&w = worker_, id = id_, bytes] { w.grant(id, bytes); })) {
    return Next::kNothing;
  }
  charged_ = bytes;
  start_body();
  return Next::kGoOn;
}

void ServerConnection::granted(std::size_t bytes) {
  if (state_ != State::kWaitBudget) {
    worker_.core().budget.release(bytes);
    return;
  }
  charged_ = bytes;
  start_body();
  drive();
}

void ServerConnection::start_body() {
  frame_.reserve(size_);
  frame_.assign(header_.begin(), header_.end());
  enter(State::kBody);
}

ServerConnection::Next ServerConnection::read_body() {
  while (have_ < size_) {
    if (size_ > MemoryBudget::kSmallFrame && !large_buffer_) use_large_buffer();
    if (have_ == frame_.size()) frame_.resize(std::min(size_, (have_ / kGrow + 1) * kGrow));
    const int n =
        SSL_read(ssl_.get(), frame_.data() + have_, static_cast<int>(frame_.size() - have_));
    if (n <= 0) return want(n);
    have_ += static_cast<std::size_t>(n);
  }
  return hand_over();
}

ServerConnection::Next ServerConnection::hand_over() {
  if (large_buffer_) use_own_buffer();
  note_traffic();
  worker_.core().count(&ServerStats::requests);
  enter(State::kWaitReply);
  worker_.core().on_request(id_, peer_, std::exchange(frame_, {}));
  return state_ == State::kWaitReply ? Next::kNothing : Next::kGoOn;
}

bool ServerConnection::reply(Bytes frame, bool then_close) {
  if (state_ != State::kWaitReply) return false;
  release_frame();
  frame_ = std::move(frame);
  have_ = 0;
  then_close_ = then_close;
  enter(State::kWriting);
  drive();
  return true;
}

ServerConnection::Next ServerConnection::write_reply() {
  while (have_ < frame_.size()) {
    const int n = SSL_write(ssl_.get(), frame_.data() + have_,
                            static_cast<int>(std::min(frame_.size() - have_, kMaxFrame)));
    if (n <= 0) return want(n);
    have_ += static_cast<std::size_t>(n);
  }
  return reply_written();
}

ServerConnection::Next ServerConnection::reply_written() {
  release_reply();
  worker_.core().count(&ServerStats::replies);
  have_ = 0;
  if (!then_close_) {
    enter(State::kHeader);
    return Next::kGoOn;
  }
  SSL_shutdown(ssl_.get());
  ::shutdown(socket_.native_handle(), SHUT_WR);
  enter(State::kLinger);
  return Next::kGoOn;
}

ServerConnection::Next ServerConnection::linger() {
  std::array<std::byte, 4096> nowhere;
  const ssize_t n = ::recv(socket_.native_handle(), nowhere.data(), nowhere.size(), 0);
  if (n > 0) return Next::kGoOn;
  return n < 0 && (errno == EAGAIN || errno == EINTR) ? Next::kRead : Next::kClose;
}

// OpenSSL takes a new length only with its next buffer, so the old one must be empty and go.
void ServerConnection::use_large_buffer() {
  if (SSL_has_pending(ssl_.get()) != 0) return;
  SSL_clear_mode(ssl_.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_set_default_read_buffer_len(ssl_.get(), kLargeReadBuffer);
  SSL_free_buffers(ssl_.get());
  large_buffer_ = true;
}

void ServerConnection::use_own_buffer() {
  SSL_set_mode(ssl_.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_set_default_read_buffer_len(ssl_.get(), 0);
  if (SSL_has_pending(ssl_.get()) == 0) SSL_free_buffers(ssl_.get());
  large_buffer_ = false;
}

void ServerConnection::note_traffic() {
  const std::uint64_t in = BIO_number_read(SSL_get_rbio(ssl_.get()));
  const std::uint64_t out = BIO_number_written(SSL_get_wbio(ssl_.get()));
  if (in == wire_in_ && out == wire_out_) return;
  worker_.core().count(&ServerStats::bytes_in, in - wire_in_);
  worker_.core().count(&ServerStats::bytes_out, out - wire_out_);
  wire_in_ = in;
  wire_out_ = out;
  progress_ms_ = steady_now_ms();
}

bool ServerConnection::is_late(std::int64_t now_ms) {
  const ServerOptions& o = worker_.core().options;
  const std::int64_t age_ms = now_ms - state_ms_;
  const auto late = [&](std::uint64_t ServerStats::*kind) {
    worker_.core().count(kind);
    return true;
  };
  switch (state_) {
    case State::kHandshake:
      return age_ms >= o.handshake_timeout_ms && late(&ServerStats::timeouts_handshake);
    case State::kLinger:
      return age_ms >= kLingerMs;
    case State::kHeader:
      if (have_ == 0) return age_ms >= o.idle_timeout_ms && late(&ServerStats::timeouts_idle);
      break;
    case State::kBody:
    case State::kWriting:
      break;
    case State::kWaitBudget:
    case State::kWaitReply:
    case State::kClosed:
      return false;
  }
  if (now_ms - progress_ms_ >= o.stall_timeout_ms) return late(&ServerStats::timeouts_stall);
  const std::uint64_t moved = wire_in_ + wire_out_ - state_wire_;
  return age_ms >= o.stall_timeout_ms &&
         moved * 1000 < o.min_bytes_per_s * static_cast<std::uint64_t>(age_ms) &&
         late(&ServerStats::timeouts_slow);
}

void ServerConnection::release_frame() {
  frame_ = {};
  if (charged_ > 0) worker_.core().budget.release(std::exchange(charged_, 0));
}

void ServerConnection::release_reply() {
  if (!frame_.empty()) worker_.core().budget.reply_gone(frame_.size());
  frame_ = {};
}

void ServerConnection::close() {
  if (state_ == State::kClosed) return;
  ERR_clear_error();
  // close_notify, without waiting for the peer's; not after an error, where OpenSSL forbids it.
  if (state_ == State::kHeader || state_ == State::kWaitReply || state_ == State::kWaitBudget) {
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  if (state_ == State::kWriting) release_reply();
  state_ = State::kClosed;
  release_frame();
  ssl_.reset();
  asio::error_code ignored;
  socket_.close(ignored);
  worker_.core().admission.leave(source_, authenticated_);
  worker_.remove(id_);
}

}  // namespace fedqat
