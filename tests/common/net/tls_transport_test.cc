#include "common/net/tls_transport.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/echo_server.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/raw_tls.h"

using namespace fedqat;

namespace {

const TestPki& pki() {
  static const TestPki p;
  return p;
}

template <class Work>
std::int64_t elapsed_ms(Work work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               begin)
      .count();
}

// A server that speaks TLS and answers its first request with `answer`.
struct ScriptedServer {
  explicit ScriptedServer(Bytes answer)
      : thread([this, a = std::move(answer)] {
          RawTlsSpec spec;
          spec.certificate_pem = pki().server.pem;
          spec.key_pem = pki().server.key_pem;
          const RawSocket socket(listener.accept(), 0);
          RawTls tls(spec, true, socket.fd());
          if (tls.read_byte()) tls.write(a);
          while (tls.read_byte()) {
          }
        }) {}
  ~ScriptedServer() { thread.join(); }
  TlsTransportOptions options() const {
    TlsTransportOptions o;
    o.host = "127.0.0.1";
    o.port = listener.port();
    o.stall_timeout_ms = patient_ms(300);
    return o;
  }
  RawListener listener;
  std::thread thread;
};

}  // namespace

TEST_CASE("transport: nobody listens there") {
  TlsTransportOptions o;
  o.host = "127.0.0.1";
  { o.port = RawListener().port(); }
  TlsTransport client(o, pki().client_context());
  const auto reply = client.call(test_frame(8));
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == Errc::kUnavailable);
  CHECK(reply.error().what.find("127.0.0.1 port") == 0);
}

TEST_CASE("transport: a name that nobody has") {
  TlsTransportOptions o;
  o.host = "nowhere.invalid";
  o.port = 1;
  TlsTransport client(o, pki().client_context());
  const auto reply = client.call(test_frame(8));
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == Errc::kUnavailable);
}

TEST_CASE("transport: a listener that never speaks") {
  const RawListener silent;
  TlsTransportOptions o;
  o.host = "127.0.0.1";
  o.port = silent.port();
  o.handshake_timeout_ms = patient_ms(200);
  TlsTransport client(o, pki().client_context());
  const std::int64_t ms = elapsed_ms([&] {
    const auto reply = client.call(test_frame(8));
    REQUIRE_FALSE(reply);
    CHECK(reply.error().code == Errc::kTimeout);
  });
  CHECK(ms >= patient_ms(200));
  CHECK(ms < patient_ms(1200));
}

TEST_CASE("transport: a reply announced above the cap is refused unread") {
  const ScriptedServer server(Bytes(4, std::byte{255}));
  TlsTransport client(server.options(), pki().client_context());
  const auto reply = client.call(test_frame(8));
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == Errc::kCorrupt);
}

TEST_CASE("transport: a reply that stops in the middle is a timeout") {
  Bytes half = test_frame(1000);
  half.resize(500);
  const ScriptedServer server(half);
  TlsTransport client(server.options(), pki().client_context());
  const auto reply = client.call(test_frame(8));
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == Errc::kTimeout);
}

TEST_CASE("transport: what is no frame is not sent") {
  TlsTransport client({}, pki().client_context());
  CHECK(client.call({}).error().code == Errc::kInvalid);
  CHECK(client.call(Bytes(kMaxFrame + 1)).error().code == Errc::kInvalid);
}

TEST_CASE("transport: a connection the idle server has closed is made anew unnoticed") {
  ServerOptions options;
  options.idle_timeout_ms = patient_ms(100);
  EchoServer echo(pki().server_context(), options);
  TlsTransport client(echo.client_options(), pki().client_context());
  for (std::uint64_t i = 1; i <= 3; ++i) {
    REQUIRE(client.call(test_frame(8)));
    CHECK(client.traffic().connects == i);
    REQUIRE(eventually([&] { return echo.server->stats().connections_now == 0; }));
  }
}

TEST_CASE("transport: limits on its share of the line are kept") {
  EchoServer echo(pki().server_context());
  TlsTransportOptions o = echo.client_options();
  SECTION("up") { o.max_up_bytes_per_s = 100'000; }
  SECTION("down") { o.max_down_bytes_per_s = 100'000; }
  TlsTransport client(o, pki().client_context());
  const std::int64_t ms = elapsed_ms([&] { CHECK(client.call(test_frame(50'000))); });
  CHECK(ms >= 450);
  CHECK(ms < patient_ms(2000));
}

TEST_CASE("transport: traffic counts what went over the wire") {
  EchoServer echo(pki().server_context());
  TlsTransport client(echo.client_options(), pki().client_context());
  REQUIRE(client.call(test_frame(100'000)));
  const TransportTraffic open = client.traffic();
  CHECK(open.bytes_sent > 100'000);
  CHECK(open.bytes_sent < 105'000);
  CHECK(open.bytes_received > 100'000);
  client.disconnect();
  CHECK(client.traffic().bytes_received >= open.bytes_received);
  CHECK(eventually([&] {
    return echo.server->stats().bytes_in == client.traffic().bytes_sent ||
           echo.server->stats().connections_now == 0;
  }));
}

TEST_CASE("transport: every fault ends in an error within its limit, and a healed line works") {
  ServerOptions options;
  options.stall_timeout_ms = patient_ms(1000);
  options.handshake_timeout_ms = patient_ms(1000);
  EchoServer echo(pki().server_context(), options);
  FaultProxy proxy("127.0.0.1", echo.server->port(), 7);
  TlsTransportOptions o = echo.client_options();
  o.port = proxy.port();
  o.handshake_timeout_ms = patient_ms(400);
  o.stall_timeout_ms = patient_ms(400);
  TlsTransport client(o, pki().client_context());
  const Bytes frame = test_frame(200'000);

  // Within the handshake, the request or reply's beginning, middle and last bytes.
  for (const std::int64_t at : {0, 100, 700, 2500, 50'000, 199'000}) {
    for (const std::string fault : {"stall", "cut", "reset", "truncate", "flip"}) {
      for (const bool up : {true, false}) {
        INFO(fault << " at " << at << (up ? " up" : " down"));
        ProxyFaults faults;
        (up ? faults.up : faults.down) = parse_faults(fault + "=" + std::to_string(at)).value();
        proxy.set(faults);
        client.disconnect();
        const std::int64_t ms = elapsed_ms([&] {
          const auto reply = client.call(frame);
          CHECK_FALSE(reply);
          if (!reply) CHECK(reply.error().what.find("127.0.0.1 port") == 0);
        });
        CHECK(ms < patient_ms(1500));
        proxy.heal();
        const auto again = client.call(frame);
        REQUIRE(again);
        REQUIRE(*again == frame);
      }
    }
  }
}

TEST_CASE("transport: a half-open line is a timeout") {
  EchoServer echo(pki().server_context());
  FaultProxy proxy("127.0.0.1", echo.server->port(), 7);
  ProxyFaults faults;
  faults.half_open = true;
  proxy.set(faults);
  TlsTransportOptions o = echo.client_options();
  o.port = proxy.port();
  o.handshake_timeout_ms = patient_ms(200);
  TlsTransport client(o, pki().client_context());
  const auto reply = client.call(test_frame(8));
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == Errc::kTimeout);
  proxy.heal();
  CHECK(client.call(test_frame(8)));
  proxy.drop_all();
  CHECK(eventually([&] { return static_cast<bool>(client.call(test_frame(8))); }));
}

TEST_CASE("transport: a slow and shaky line is no fault") {
  EchoServer echo(pki().server_context());
  FaultProxy proxy("127.0.0.1", echo.server->port(), 7);
  ProxyFaults faults;
  faults.up = parse_faults("delay=10,jitter=10,rate=400000").value();
  faults.down = parse_faults("delay=5,jitter=5").value();
  proxy.set(faults);
  TlsTransportOptions o = echo.client_options();
  o.port = proxy.port();
  o.stall_timeout_ms = patient_ms(1000);
  TlsTransport client(o, pki().client_context());
  const Bytes frame = test_frame(100'000);
  const std::int64_t ms = elapsed_ms([&] {
    const auto reply = client.call(frame);
    REQUIRE(reply);
    CHECK(*reply == frame);
  });
  CHECK(ms > 200);
}

TEST_CASE("fault proxy: a fault it does not know is refused") {
  CHECK(parse_faults("delay=5,cut=100")->cut_at == 100);
  CHECK_FALSE(parse_faults("bend=3"));
  CHECK_FALSE(parse_faults("cut"));
  CHECK_FALSE(parse_faults("cut=x"));
}
