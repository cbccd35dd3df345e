#include "common/net/tls_server.h"

#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/support/echo_server.h"
#include "tests/support/raw_tls.h"

using namespace fedqat;

namespace {

const TestPki& pki() {
  static const TestPki p;
  return p;
}

std::size_t open_files() {
  const auto dir = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(dir), end(dir)));
}

}  // namespace

TEST_CASE("server: a request comes back, whatever its size") {
  EchoServer echo(pki().server_context());
  TlsTransport client(echo.client_options(), pki().client_context());
  for (const std::size_t size :
       {std::size_t{4}, std::size_t{5}, std::size_t{16384}, std::size_t{65536}, std::size_t{65537},
        std::size_t{300'000}, kMaxFrame}) {
    const Bytes frame = test_frame(size, static_cast<std::uint32_t>(size));
    const auto reply = client.call(frame);
    REQUIRE(reply);
    CHECK(*reply == frame);
  }
  CHECK(client.traffic().connects == 1);
  CHECK(echo.server->stats().requests == 7);
  CHECK(eventually([&] { return echo.server->stats().replies == 7; }));
  CHECK(echo.server->stats().buffered_now == 0);
  CHECK(echo.server->stats().reply_bytes_now == 0);
  CHECK(echo.server->stats().bytes_in > 1'400'000);
}

TEST_CASE("server: the peer is known by its certificate") {
  EchoServer echo(pki().server_context());
  std::mutex mutex;
  std::vector<Peer> peers;
  echo.on_peer = [&](const Peer& p) {
    const std::scoped_lock lock(mutex);
    peers.push_back(p);
  };
  TlsTransport client(echo.client_options(), pki().client_context());
  REQUIRE(client.call(test_frame(10)));
  const std::scoped_lock lock(mutex);
  REQUIRE(peers.size() == 1);
  CHECK(peers[0].public_key == pki().client.public_key);
  CHECK(peers[0].common_name == "device-1");
  CHECK(peers[0].address == "127.0.0.1");
  CHECK(std::abs(peers[0].not_after_s - (std::time(nullptr) + 86400)) < 300);
}

TEST_CASE("server: the enrolment port asks for no certificate") {
  EchoServer echo(TlsContext::server_without_client_certificates(pki().server_identity()).value());
  Peer seen;
  echo.on_peer = [&](const Peer& p) { seen = p; };
  TlsTransport client(echo.client_options(), TlsContext::client_pinned(pki().ca.sha256).value());
  REQUIRE(client.call(test_frame(10)));
  CHECK(seen.common_name.empty());
  CHECK(seen.public_key == Digest{});
}

TEST_CASE("server: a frame announced above the cap closes the connection unread") {
  ServerOptions options;
  options.max_frame = 1000;
  EchoServer echo(pki().server_context(), options);
  TlsTransport client(echo.client_options(), pki().client_context());
  CHECK(client.call(test_frame(1000)));
  CHECK_FALSE(client.call(test_frame(1001)));
  CHECK(echo.requests == 1);
  CHECK(echo.server->stats().refused_frames == 1);
}

TEST_CASE("server: replies may come late and from any thread, and the last one may close") {
  ServerOptions options;
  options.address = "127.0.0.1";
  options.threads = 2;
  std::unique_ptr<TlsServer> server;
  std::vector<std::thread> threads;
  std::mutex mutex;
  server =
      std::move(TlsServer::start(options, pki().server_context(),
                                 [&](ConnectionId id, const Peer&, Bytes frame) {
                                   const std::scoped_lock lock(mutex);
                                   threads.emplace_back([&, id, f = std::move(frame)] {
                                     std::this_thread::sleep_for(std::chrono::milliseconds(20));
                                     server->reply(id, f, f.size() == 7);
                                     server->reply(id + 1000, f);  // nobody there
                                   });
                                 }))
          .value();
  TlsTransportOptions o;
  o.host = "127.0.0.1";
  o.port = server->port();
  {
    TlsTransport client(o, pki().client_context());
    for (const std::size_t size : {std::size_t{6}, std::size_t{7}, std::size_t{8}}) {
      const auto reply = client.call(test_frame(size));
      REQUIRE(reply);
      CHECK(reply->size() == size);
      CHECK((size != 7 || eventually([&] { return server->stats().connections_now == 0; })));
    }
    CHECK(client.traffic().connects == 2);
  }
  for (auto& t : threads) t.join();
  server->stop();
  CHECK(server->stats().reply_bytes_now == 0);
}

TEST_CASE("server: close_if cuts the revoked device and no other") {
  EchoServer echo(pki().server_context());
  const auto other = make_test_certificate(test_client_spec("device-2"), &pki().ca);
  TlsTransport bad(echo.client_options(), pki().client_context());
  TlsTransport good(echo.client_options(),
                    TlsContext::client(pki().identity(other), pki().ca.pem).value());
  REQUIRE(bad.call(test_frame(10)));
  REQUIRE(good.call(test_frame(10)));
  echo.server->close_if([](const Peer& p) { return p.common_name == "device-1"; });
  CHECK(eventually([&] { return echo.server->stats().connections_now == 1; }, 1000));
  CHECK(echo.server->stats().cut == 1);
  REQUIRE(good.call(test_frame(10)));
  CHECK(good.traffic().connects == 1);
}

TEST_CASE("server: a new context serves new connections and the old ones stay") {
  EchoServer echo(pki().server_context());
  TlsTransport old_client(echo.client_options(), pki().client_context());
  REQUIRE(old_client.call(test_frame(10)));
  const TestPki next;
  echo.server->reload(next.server_context());
  TlsTransport late_client(echo.client_options(), pki().client_context());
  CHECK_FALSE(late_client.call(test_frame(10)));
  TlsTransport new_client(echo.client_options(), next.client_context());
  CHECK(new_client.call(test_frame(10)));
  CHECK(old_client.call(test_frame(10)));
  CHECK(old_client.traffic().connects == 1);
}

TEST_CASE("server: caps on connections, addresses and handshakes refuse and are counted") {
  ServerOptions options;
  SECTION("from one address") { options.max_per_address = 2; }
  SECTION("in handshake") { options.max_unauthenticated = 2; }
  SECTION("in all") { options.max_connections = 2; }
  EchoServer echo(pki().server_context(), options);
  {
    const RawSocket a(echo.server->port());
    const RawSocket b(echo.server->port());
    REQUIRE(eventually([&] { return echo.server->stats().accepted == 2; }));
    const RawSocket c(echo.server->port());
    CHECK(eventually([&] { return c.gone(); }));
    CHECK_FALSE(a.gone());
    const ServerStats s = echo.server->stats();
    CHECK(s.accepted == 2);
    CHECK(s.refused_per_address == (options.max_per_address == 2 ? 1 : 0));
    CHECK(s.refused_unauthenticated == (options.max_unauthenticated == 2 ? 1 : 0));
    CHECK(s.refused_connections == (options.max_connections == 2 ? 1 : 0));
  }
  REQUIRE(eventually([&] { return echo.server->stats().connections_now == 0; }));
  TlsTransport client(echo.client_options(), pki().client_context());
  CHECK(client.call(test_frame(10)));
}

TEST_CASE("server: the accept rate spreads a herd") {
  ServerOptions options;
  options.accept_rate = 2;
  EchoServer echo(pki().server_context(), options);
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::unique_ptr<RawSocket>> herd;  // the kernel connects them at once
  for (int i = 0; i < 5; ++i) herd.push_back(std::make_unique<RawSocket>(echo.server->port()));
  REQUIRE(eventually([&] { return echo.server->stats().accepted == 5; }));
  CHECK(std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(1400));
  CHECK(echo.server->stats().accept_pauses > 0);
  TlsTransport client(echo.client_options(), pki().client_context());
  CHECK(client.call(test_frame(10)));
}

TEST_CASE("server: 64 uploads of 256 KiB pass a limit of 1 MiB, which is never exceeded") {
  ServerOptions options;
  options.memory_limit = std::size_t{1} << 20;
  options.max_frame = (std::size_t{256} << 10) + kFrameHeader;
  EchoServer echo(pki().server_context(), options);
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> most{0};
  std::thread watch([&] {
    while (!done) most = std::max(most.load(), echo.server->stats().buffered_now);
  });
  std::vector<std::thread> clients;
  std::atomic<int> right{0};
  for (std::uint32_t i = 0; i < 64; ++i) {
    clients.emplace_back([&, i] {
      TlsTransport client(echo.client_options(), pki().client_context());
      const Bytes frame = test_frame(options.max_frame, i);
      const auto reply = client.call(frame);
      if (reply && *reply == frame) ++right;
    });
  }
  for (auto& c : clients) c.join();
  done = true;
  watch.join();
  CHECK(right == 64);
  CHECK(most <= options.memory_limit);
  CHECK(echo.server->stats().buffered_now == 0);
}

TEST_CASE("server: 2,000 connections leave no file open") {
  EchoServer echo(pki().server_context());
  const TlsContext context = pki().client_context();
  const auto cycle = [&](int i) {
    if (i % 4 == 0) {
      const RawSocket raw(echo.server->port());
      if (i % 8 == 0) CHECK(raw.send("\x16\x03\x01"));  // a handshake's beginning
      return;
    }
    TlsTransport client(echo.client_options(), context);
    CHECK(client.call(test_frame(100)));
  };
  cycle(1);
  REQUIRE(eventually([&] { return echo.server->stats().connections_now == 0; }));
  const std::size_t before = open_files();
  for (int i = 0; i < 2000; ++i) cycle(i);
  REQUIRE(eventually([&] { return echo.server->stats().connections_now == 0; }));
  CHECK(open_files() == before);
}

TEST_CASE("server: options that cannot work are refused with a remedy") {
  const auto error = [&](ServerOptions o) {
    o.threads = 1;
    const auto r = TlsServer::start(o, pki().server_context(), nullptr);
    REQUIRE_FALSE(r);
    return r.error();
  };
  ServerOptions o;
  o.address = "nowhere";
  CHECK(error(o).code == Errc::kInvalid);
  o = {};
  o.memory_limit = 1000;
  CHECK(error(o).what.find("memory_limit") != std::string::npos);
  EchoServer echo(pki().server_context());
  o = {};
  o.address = "127.0.0.1";
  o.port = echo.server->port();
  CHECK(error(o).code == Errc::kUnavailable);
  CHECK_FALSE(TlsServer::start({}, pki().client_context(), nullptr));
}

TEST_CASE("server: who sends nothing, half a handshake or a byte now and then is gone in time") {
  ServerOptions options;
  options.handshake_timeout_ms = patient_ms(500);
  options.stall_timeout_ms = patient_ms(500);
  options.idle_timeout_ms = patient_ms(700);
  EchoServer echo(pki().server_context(), options);
  const std::uint16_t port = echo.server->port();
  const RawSocket silent(port);
  const RawSocket half(port);
  REQUIRE(half.send(std::string("\x16\x03\x01\x02\x00\x01\x00", 7)));
  RawTlsSpec spec;
  spec.certificate_pem = pki().client.pem;
  spec.key_pem = pki().client.key_pem;
  const RawSocket stalled_socket(port);
  const RawSocket slow_socket(port);
  const RawSocket idle_socket(port);
  RawTls stalled(spec, false, stalled_socket.fd());
  RawTls slow(spec, false, slow_socket.fd());
  const RawTls idle(spec, false, idle_socket.fd());
  const Bytes frame = test_frame(100'000);
  REQUIRE(stalled.write(ByteView(frame).first(1000)));
  REQUIRE(slow.write(ByteView(frame).first(kFrameHeader)));

  TlsTransport good(echo.client_options(), pki().client_context());
  const auto begin = std::chrono::steady_clock::now();
  const auto elapsed_ms = [&] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 begin)
        .count();
  };
  std::int64_t longest_ms = 0;
  int calls = 0;
  while (elapsed_ms() < patient_ms(1700)) {
    const std::int64_t at_ms = elapsed_ms();
    REQUIRE(good.call(test_frame(1000)));
    longest_ms = std::max(longest_ms, elapsed_ms() - at_ms);
    if (++calls % 2 == 0)
      slow.write(ByteView(frame).subspan(kFrameHeader, 1));  // 10 bytes a second
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  CHECK(silent.gone());
  CHECK(half.gone());
  CHECK(longest_ms < patient_ms(500));
  const ServerStats s = echo.server->stats();
  CHECK(s.timeouts_handshake == 2);
  CHECK(s.timeouts_stall == 1);
  CHECK(s.timeouts_slow == 1);
  CHECK(s.timeouts_idle == 1);
  CHECK(s.connections_now == 1);
  CHECK(s.buffered_now == 0);
  CHECK(good.traffic().connects == 1);
}

TEST_CASE("server: a peer that reads no reply is gone after a stall") {
  ServerOptions options;
  options.stall_timeout_ms = patient_ms(500);
  EchoServer echo(pki().server_context(), options);
  RawTlsSpec spec;
  spec.certificate_pem = pki().client.pem;
  spec.key_pem = pki().client.key_pem;
  const RawSocket socket(echo.server->port());
  RawTls deaf(spec, false, socket.fd());
  const Bytes frame = test_frame(kMaxFrame);
  // Unread echoes fill the socket's buffers until the server can write no more.
  std::thread sender([&] {
    while (deaf.write(frame)) {
    }
  });
  CHECK(eventually([&] { return echo.server->stats().timeouts_stall == 1; }));
  CHECK(eventually([&] { return echo.server->stats().connections_now == 0; }));
  CHECK(echo.server->stats().reply_bytes_now == 0);
  sender.join();
}

TEST_CASE("server: what is not TLS is refused before it is read") {
  EchoServer echo(pki().server_context());
  const RawSocket socket(echo.server->port());
  REQUIRE(socket.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  CHECK(eventually([&] { return echo.server->stats().failed_protocol == 1; }));
  CHECK(eventually([&] { return echo.server->stats().connections_now == 0; }));
}

TEST_CASE("server: without file descriptors it waits, and goes on when there are some") {
  EchoServer echo(pki().server_context());
  TlsTransport before(echo.client_options(), pki().client_context());
  REQUIRE(before.call(test_frame(10)));
  const RawSocket socket(::socket(AF_INET, SOCK_STREAM, 0), 0);
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  rlimit none = limit;
  none.rlim_cur = static_cast<rlim_t>(socket.fd()) + 1;  // the lowest that was free
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const sockaddr_in a = loopback(echo.server->port());
  const int connected = ::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&a), sizeof a);
  const bool paused = eventually([&] { return echo.server->stats().accept_pauses > 0; });
  const auto meanwhile = before.call(test_frame(10));
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(connected == 0);
  CHECK(paused);
  CHECK(meanwhile);
  CHECK(eventually([&] { return echo.server->stats().accepted == 2; }));
}
