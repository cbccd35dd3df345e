// Who gets in and who does not, in both directions. The refused side is played by OpenSSL without
// any check of its own.
#include <catch2/catch.hpp>
#include <csignal>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/echo_server.h"
#include "tests/support/raw_tls.h"

using namespace fedqat;

namespace {

// Everything that the cells need, made once.
struct Zoo {
  Zoo() {
    expired_ca = make_test_certificate(ending(test_ca_spec("old CA"), -60));
    const auto client = test_client_spec();
    const auto server = test_server_spec();
    for (const bool is_server : {false, true}) {
      const TestCertificateSpec good = is_server ? server : client;
      Side& s = is_server ? servers : clients;
      s.good = make_test_certificate(good, &pki.ca);
      auto spec = good;
      spec.key = TestKey::kRsa2048;
      s.rsa2048 = make_test_certificate(spec, &pki.ca);
      spec.key = TestKey::kRsa1024;
      s.rsa1024 = make_test_certificate(spec, &pki.ca);
      s.expired = make_test_certificate(ending(good, -60), &pki.ca);
      spec = good;
      spec.begins_in_s = 3600;
      s.early = make_test_certificate(spec, &pki.ca);
      spec = good;
      spec.sha1 = true;
      s.sha1 = make_test_certificate(spec, &pki.ca);
      spec = good;
      spec.extended_key_usage = is_server ? "clientAuth" : "serverAuth";
      s.wrong_use = make_test_certificate(spec, &pki.ca);
      s.self_signed = make_test_certificate(good);
      s.foreign = make_test_certificate(good, &other_pki.ca);
      s.by_a_leaf = make_test_certificate(good, &pki.client);
      s.by_expired_ca = make_test_certificate(good, &expired_ca);
    }
    auto spec = server;
    spec.alt_names = "DNS:elsewhere.example,IP:192.0.2.1";
    wrong_name = make_test_certificate(spec, &pki.ca);
    spec.alt_names.clear();
    spec.common_name = "localhost";
    only_common_name = make_test_certificate(spec, &pki.ca);
  }
  static TestCertificateSpec ending(TestCertificateSpec spec, std::int64_t ends_in_s) {
    spec.ends_in_s = ends_in_s;
    return spec;
  }
  struct Side {
    TestCertificate good, rsa2048, rsa1024, expired, early, sha1, wrong_use, self_signed, foreign,
        by_a_leaf, by_expired_ca;
  };
  TestPki pki, other_pki;
  TestCertificate expired_ca;
  Side clients, servers;
  TestCertificate wrong_name, only_common_name;
};

const Zoo& zoo() {
  static const Zoo z;
  return z;
}

RawTlsSpec shows(const TestCertificate& c, const std::string& chain = zoo().pki.ca.pem) {
  RawTlsSpec s;
  s.certificate_pem = c.pem + chain;
  s.key_pem = c.key_pem;
  return s;
}

RawTlsSpec only_version(RawTlsSpec s, int version) {
  s.min_version = s.max_version = version;
  return s;
}

RawTlsSpec only_ciphersuite(RawTlsSpec s, const char* name) {
  s.ciphersuites = name;
  s.min_version = TLS1_3_VERSION;
  return s;
}

}  // namespace

TEST_CASE("certificates: the server admits the right clients and no other") {
  struct Cell {
    const char* name;
    RawTlsSpec client;
    std::uint64_t ServerStats::*failure;  // nullptr: admitted
  };
  const Zoo& z = zoo();
  const auto certificate = &ServerStats::failed_certificate;
  const auto protocol = &ServerStats::failed_protocol;
  const std::vector<Cell> cells = {
      {"good", shows(z.clients.good), nullptr},
      {"good, without its CA", shows(z.clients.good, ""), nullptr},
      {"RSA 2048", shows(z.clients.rsa2048), nullptr},
      {"none", RawTlsSpec{}, &ServerStats::failed_no_certificate},
      {"expired", shows(z.clients.expired), certificate},
      {"not yet valid", shows(z.clients.early), certificate},
      {"by another CA", shows(z.clients.foreign, z.other_pki.ca.pem), certificate},
      {"by an expired CA", shows(z.clients.by_expired_ca, z.expired_ca.pem), certificate},
      {"by a client's certificate", shows(z.clients.by_a_leaf, z.pki.client.pem + z.pki.ca.pem),
       certificate},
      {"self-signed", shows(z.clients.self_signed, ""), certificate},
      {"a server's", shows(z.clients.wrong_use), certificate},
      {"signed by SHA-1", shows(z.clients.sha1), certificate},
      {"RSA 1024", shows(z.clients.rsa1024), certificate},
      {"TLS 1.2 alone", only_version(shows(z.clients.good), TLS1_2_VERSION), protocol},
      {"TLS 1.1 alone", only_version(shows(z.clients.good), TLS1_1_VERSION), protocol},
      {"no common cipher", only_ciphersuite(shows(z.clients.good), "TLS_AES_128_CCM_SHA256"),
       protocol},
  };
  for (const Cell& cell : cells) {
    INFO(cell.name);
    EchoServer echo(z.pki.server_context());
    {
      const RawSocket socket(echo.server->port());
      RawTls tls(cell.client, false, socket.fd());
      const bool answered = tls.write(test_frame(100)) && tls.read_byte();
      CHECK(answered == (cell.failure == nullptr));
    }
    CHECK(eventually([&] { return echo.server->stats().connections_now == 0; }));
    const ServerStats s = echo.server->stats();
    CHECK(echo.requests == (cell.failure == nullptr ? 1 : 0));
    CHECK(s.handshakes == (cell.failure == nullptr ? 1 : 0));
    if (cell.failure != nullptr) CHECK(s.*cell.failure == 1);
  }
}

TEST_CASE("certificates: the client believes the right servers and no other") {
  struct Cell {
    const char* name;
    RawTlsSpec server;
    const char* says;  // in the error; nullptr: believed
    const char* server_name = "localhost";
    const Digest* pinned = nullptr;
    Errc code = Errc::kRejected;
  };
  const Zoo& z = zoo();
  const Digest* pin = &z.pki.ca.sha256;
  const auto good = shows(z.servers.good);
  const std::vector<Cell> cells = {
      {"good, by name", good, nullptr},
      {"good, by address", good, nullptr, "127.0.0.1"},
      {"RSA 2048", shows(z.servers.rsa2048), nullptr},
      {"expired", shows(z.servers.expired), "has expired on"},
      {"not yet valid", shows(z.servers.early), "check this machine's clock"},
      {"by another CA", shows(z.servers.foreign, z.other_pki.ca.pem), "not issued by"},
      {"by an expired CA", shows(z.servers.by_expired_ca, z.expired_ca.pem), "not issued by"},
      {"by a client's certificate", shows(z.servers.by_a_leaf, z.pki.client.pem + z.pki.ca.pem),
       "server's certificate"},
      {"self-signed", shows(z.servers.self_signed, ""), "not issued by"},
      {"wrong name", shows(z.wrong_name), "does not bear the name"},
      {"wrong address", shows(z.wrong_name), "does not bear the name", "127.0.0.1"},
      {"the name in the subject alone", shows(z.only_common_name), "does not bear the name"},
      {"a client's", shows(z.servers.wrong_use), "extended key usage"},
      {"signed by SHA-1", shows(z.servers.sha1), "too weak"},
      {"RSA 1024", shows(z.servers.rsa1024), "too weak"},
      {"TLS 1.2 alone", only_version(good, TLS1_2_VERSION), "TLS failed", "localhost", nullptr,
       Errc::kUnavailable},
      {"TLS 1.1 alone", only_version(good, TLS1_1_VERSION), "TLS failed", "localhost", nullptr,
       Errc::kUnavailable},
      {"no common cipher", only_ciphersuite(good, "TLS_AES_128_CCM_SHA256"), "refuse", "localhost",
       nullptr, Errc::kRejected},
      {"pinned", good, nullptr, "localhost", pin},
      {"pinned, other CA", good, "another fingerprint", "localhost", &z.other_pki.ca.sha256},
      {"pinned, CA not sent", shows(z.servers.good, ""), "another fingerprint", "localhost", pin},
      {"pinned CA sent with a foreign certificate", shows(z.servers.foreign), "not issued by",
       "localhost", pin},
      {"pinned, expired", shows(z.servers.expired), "has expired on", "localhost", pin},
      {"pinned, wrong name", shows(z.wrong_name), "does not bear the name", "localhost", pin},
      {"pinned, a client's", shows(z.servers.wrong_use), "extended key usage", "localhost", pin},
      {"pinned server in place of its CA", shows(z.servers.good, ""), "server's certificate",
       "localhost", &z.servers.good.sha256},
  };
  std::signal(SIGPIPE, SIG_IGN);
  for (const Cell& cell : cells) {
    INFO(cell.name);
    const RawListener listener;
    bool request_seen = false;
    std::thread server([&] {
      const RawSocket socket(listener.accept(), 0);
      RawTls tls(cell.server, true, socket.fd());
      request_seen = tls.read_byte();
      if (request_seen) tls.write(test_frame(8));
    });
    {
      TlsTransportOptions o;
      o.host = "127.0.0.1";
      o.port = listener.port();
      o.server_name = cell.server_name;
      TlsTransport client(o,
                          cell.pinned != nullptr
                              ? TlsContext::client_pinned(*cell.pinned).value()
                              : TlsContext::client(z.pki.client_identity(), z.pki.ca.pem).value());
      const auto reply = client.call(test_frame(8));
      CHECK(static_cast<bool>(reply) == (cell.says == nullptr));
      if (cell.says != nullptr && !reply) {
        INFO(reply.error().what);
        CHECK(reply.error().what.find(cell.says) != std::string::npos);
        CHECK(reply.error().code == cell.code);
      }
    }
    server.join();
    CHECK(request_seen == (cell.says == nullptr));
  }
}

TEST_CASE("certificates: a refused client is told why and what to do") {
  const Zoo& z = zoo();
  struct Cell {
    TlsIdentity identity;
    const char* says;
  };
  for (const Cell& cell : std::vector<Cell>{
           {z.pki.identity(z.clients.expired), "check this machine's clock"},
           {{}, "run `fedqat-client enroll` first"},
           {z.other_pki.identity(z.clients.foreign), "does not know the CA"},
           {z.pki.identity(z.clients.wrong_use), "refuses this side's certificate"}}) {
    EchoServer echo(z.pki.server_context());
    TlsTransport client(echo.client_options(),
                        TlsContext::client(cell.identity, z.pki.ca.pem).value());
    for (const std::size_t size : {std::size_t{8}, kMaxFrame}) {
      const auto reply = client.call(test_frame(size));
      REQUIRE_FALSE(reply);
      INFO(reply.error().what);
      CHECK(reply.error().what.find(cell.says) != std::string::npos);
      CHECK(reply.error().code == Errc::kRejected);
    }
    CHECK(echo.requests == 0);
  }
}

TEST_CASE("certificates: an identity that cannot work is refused before any connection") {
  const Zoo& z = zoo();
  const auto refuses = [&](const std::string& chain, const std::string& key, const char* place) {
    const TlsIdentity identity{chain, key};
    const auto server = TlsContext::server(identity, z.pki.ca.pem);
    const auto client = TlsContext::client(identity, z.pki.ca.pem);
    REQUIRE_FALSE(server);
    REQUIRE_FALSE(client);
    INFO(server.error().what);
    CHECK(server.error().code == Errc::kInvalid);
    CHECK(server.error().what.find(place) == 0);
    CHECK(client.error().what.find(place) == 0);
  };
  const TestCertificate& good = z.clients.good;
  refuses("", good.key_pem, "certificate chain");
  refuses("no PEM", good.key_pem, "certificate chain");
  refuses(z.clients.rsa1024.pem, z.clients.rsa1024.key_pem, "certificate chain");
  refuses(z.clients.sha1.pem, z.clients.sha1.key_pem, "certificate chain");
  refuses(good.pem, z.servers.good.key_pem, "private key");
  refuses(good.pem, "", "private key");
  refuses(good.pem, z.clients.rsa2048.key_pem, "private key");
  CHECK_FALSE(TlsContext::server({good.pem, good.key_pem}, "nothing"));
}
