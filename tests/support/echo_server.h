// A TlsServer that answers every frame with the same frame, and frames for tests.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "common/net/tls_server.h"
#include "common/net/tls_transport.h"
#include "tests/support/certificates.h"

namespace fedqat {

// `size` bytes in all; content depends on size and seed.
inline Bytes test_frame(std::size_t size, std::uint32_t seed = 1) {
  Bytes frame(size);
  const std::size_t length = size - kFrameHeader;
  for (std::size_t i = 0; i < kFrameHeader; ++i) frame[i] = std::byte(length >> (8 * i) & 255);
  std::uint32_t x = seed * 2654435761U + 1;
  for (std::size_t i = kFrameHeader; i < size; ++i) {
    x = x * 1664525U + 1013904223U;
    frame[i] = std::byte(x >> 24);
  }
  return frame;
}

struct EchoServer {
  explicit EchoServer(const TlsContext& context, ServerOptions options = {}) {
    options.address = "127.0.0.1";
    if (options.threads == 0) options.threads = 2;
    server = std::move(TlsServer::start(options, context,
                                        [this](ConnectionId id, const Peer& peer, Bytes frame) {
                                          ++requests;
                                          if (on_peer) on_peer(peer);
                                          server_ready().reply(id, std::move(frame));
                                        }))
                 .value();
    ready.store(true);
  }
  TlsServer& server_ready() {  // a request may come before start() has returned
    while (!ready.load()) std::this_thread::yield();
    return *server;
  }
  TlsTransportOptions client_options() const {
    TlsTransportOptions o;
    o.host = "127.0.0.1";
    o.port = server->port();
    return o;
  }

  std::function<void(const Peer&)> on_peer;  // to be set before the first connection
  std::atomic<int> requests{0};
  std::atomic<bool> ready{false};
  std::unique_ptr<TlsServer> server;
};

// A sanitizer's build needs longer: real-time limits of a test, in ms, are stretched for it.
inline std::int64_t patient_ms(std::int64_t ms) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 3 * ms;
#else
  return ms;
#endif
}

// True as soon as `condition` holds; false if it does not within `limit_ms`.
template <class Condition>
bool eventually(Condition condition, std::int64_t limit_ms = 30000) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace fedqat
