// The client's way to its coordinator: one TLS 1.3 connection, made when it is needed and kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "common/net/tls_context.h"
#include "common/net/transport.h"
#include "common/wire/frame.h"

namespace fedqat {

struct TlsTransportOptions {
  std::string host;
  std::uint16_t port = 0;
  std::string server_name;  // in the server's certificate: a DNS name or an IP address; "": host
  std::int64_t connect_timeout_ms = 10'000;
  std::int64_t handshake_timeout_ms = 10'000;
  std::int64_t stall_timeout_ms = 25'000;  // no byte moved; also the longest wait for a reply
  std::uint64_t max_up_bytes_per_s = 0;    // 0: no limit
  std::uint64_t max_down_bytes_per_s = 0;
  std::size_t max_frame = kMaxFrame;
};

struct TransportTraffic {
  std::uint64_t bytes_sent = 0;  // on the wire, TLS included
  std::uint64_t bytes_received = 0;
  std::uint64_t connects = 0;  // handshakes that succeeded
};

// Blocks in call(). After an error the connection is closed and the next call makes a new one.
class TlsTransport final : public Transport {
 public:
  // Ignores SIGPIPE for the whole process. kChecks that `context` is a client's.
  TlsTransport(TlsTransportOptions options, const TlsContext& context);
  ~TlsTransport() override;

  // The whole reply frame. kUnavailable and kTimeout: try again later; kRejected: a certificate,
  // this side's or the server's, was refused, and somebody must act; kCorrupt: the server
  // announced a frame above max_frame; kInvalid: `request` is above it.
  Result<Bytes> call(ByteView request) override;
  void disconnect();
  TransportTraffic traffic() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fedqat
