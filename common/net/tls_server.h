// The listening side: frames in, frames out, over mutual TLS 1.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/sha256.h"
#include "common/net/tls_context.h"
#include "common/wire/frame.h"

namespace fedqat {

// Who is at the other end, by its certificate; empty but for the address where none is asked for.
struct Peer {
  Digest public_key{};  // SHA-256 of the SubjectPublicKeyInfo
  std::string common_name;
  std::string address;
  std::int64_t not_after_s = 0;  // Unix time
};

using ConnectionId = std::uint64_t;  // never used twice by one server

// A whole request frame, on an I/O thread: must not block. Every request is answered by one
// reply(), at once or later; until then nothing more is read from that connection. May be called
// before start() has returned.
using OnRequest = std::function<void(ConnectionId, const Peer&, Bytes frame)>;

struct ServerOptions {
  std::string address = "0.0.0.0";  // numeric, IPv4 or IPv6
  std::uint16_t port = 0;           // 0: any that is free
  int threads = 0;                  // 0: one for each core
  std::size_t max_frame = kMaxFrame;
  // Requests being received or waiting for their reply, all connections together; an eighth is for
  // requests up to 64 KiB. When replies not yet sent exceed it too, requests wait.
  std::size_t memory_limit = std::size_t{256} << 20;
  std::size_t max_connections = 20000;
  std::size_t max_per_address = 20000;
  std::size_t max_unauthenticated = 2000;  // handshakes in flight
  std::int64_t handshake_timeout_ms = 10'000;
  std::int64_t stall_timeout_ms = 20'000;  // no byte of progress inside a frame
  std::int64_t idle_timeout_ms = 600'000;  // between requests
  // On average, once a frame took longer than a stall; what a device may hold up the others by.
  std::uint64_t min_bytes_per_s = 1000;
  std::uint64_t accept_rate = 0;  // new connections a second; 0: no limit
};

// Sums since the start, but for the last four.
struct ServerStats {
  std::uint64_t accepted = 0;
  std::uint64_t handshakes = 0;
  std::uint64_t failed_no_certificate = 0;
  std::uint64_t failed_certificate = 0;       // the client's was refused
  std::uint64_t failed_peer_refused = 0;      // the client refused this server
  std::uint64_t failed_protocol = 0;          // not TLS 1.3, no common cipher, not TLS at all
  std::uint64_t failed_dropped = 0;           // closed in the handshake
  std::uint64_t refused_connections = 0;      // by max_connections
  std::uint64_t refused_per_address = 0;      // by max_per_address
  std::uint64_t refused_unauthenticated = 0;  // by max_unauthenticated
  std::uint64_t refused_frames = 0;           // announced length above max_frame
  std::uint64_t accept_pauses = 0;            // no file descriptors left, or accept_rate
  std::uint64_t timeouts_handshake = 0;
  std::uint64_t timeouts_stall = 0;
  std::uint64_t timeouts_slow = 0;  // min_bytes_per_s
  std::uint64_t timeouts_idle = 0;
  std::uint64_t cut = 0;  // by close_if
  std::uint64_t handler_failures = 0;
  std::uint64_t requests = 0;
  std::uint64_t replies = 0;   // wholly handed to the operating system
  std::uint64_t bytes_in = 0;  // on the wire, TLS included
  std::uint64_t bytes_out = 0;
  std::uint64_t connections_now = 0;
  std::uint64_t unauthenticated_now = 0;
  std::uint64_t buffered_now = 0;  // what memory_limit bounds
  std::uint64_t reply_bytes_now = 0;
};

// Every field by name, for metrics.
struct ServerStatsField {
  std::string_view name;
  std::uint64_t ServerStats::*field;
};
std::span<const ServerStatsField> server_stats_fields();

// All members are thread-safe, but stop() and the destructor must not be called from OnRequest.
class TlsServer {
 public:
  // kInvalid: an option or the address; kUnavailable: the port is taken; kIo. Ignores SIGPIPE for
  // the whole process.
  static Result<std::unique_ptr<TlsServer>> start(const ServerOptions& options,
                                                  const TlsContext& context, OnRequest on_request);
  ~TlsServer();  // stop()
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  std::uint16_t port() const;
  // Dropped when that connection is gone or waits for no reply.
  void reply(ConnectionId id, Bytes frame, bool then_close = false);
  // Cuts the connections whose peer `cut` picks; called on the I/O threads. Handshakes that end
  // later are not asked: the handler must look at revocation with each request.
  void close_if(const std::function<bool(const Peer&)>& cut);
  // For handshakes from now on; live connections stay.
  void reload(const TlsContext& context);
  void stop_accepting();
  void stop();  // cuts all connections, also in the middle of a reply, and joins the threads
  ServerStats stats() const;

 private:
  struct Impl;
  explicit TlsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fedqat
