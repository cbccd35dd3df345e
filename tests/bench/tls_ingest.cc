// What a TlsServer costs against OpenSSL alone: 1 MiB uploads, new connections, idle connections.
//
//   bench_tls_ingest [MIB_TO_SEND [IDLE_CONNECTIONS]]
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "common/base/check.h"
#include "tests/support/echo_server.h"

namespace fedqat {
namespace {

const TestPki& pki() {
  static const TestPki p;
  return p;
}

double seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// One connection: a thread that writes 1 MiB messages, a thread that reads them and answers each
// with 4 bytes. Blocking sockets, nothing but OpenSSL.
void raw_pair(const TlsContext& server, const TlsContext& client, int messages) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof a;
  FEDQAT_CHECK(::bind(listener, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
  FEDQAT_CHECK(::listen(listener, 1) == 0);
  FEDQAT_CHECK(::getsockname(listener, reinterpret_cast<sockaddr*>(&a), &size) == 0);
  const auto side = [](const TlsContext& context, int fd, bool accept) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SSL* ssl = SSL_new(context.get());
    SSL_clear_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
    SSL_set_default_read_buffer_len(ssl, std::size_t{256} << 10);
    SSL_set_fd(ssl, fd);
    FEDQAT_CHECK((accept ? SSL_accept(ssl) : SSL_connect(ssl)) == 1);
    return ssl;
  };
  std::thread reader([&] {
    const int fd = ::accept(listener, nullptr, nullptr);
    SSL* ssl = side(server, fd, true);
    Bytes buffer(kMaxFrame);
    for (int i = 0; i < messages; ++i) {
      for (std::size_t have = 0; have < kMaxFrame;) {
        const int n = SSL_read(ssl, buffer.data() + have, static_cast<int>(kMaxFrame - have));
        FEDQAT_CHECK(n > 0);
        have += static_cast<std::size_t>(n);
      }
      FEDQAT_CHECK(SSL_write(ssl, buffer.data(), 4) == 4);
    }
    SSL_free(ssl);
    ::close(fd);
  });
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  FEDQAT_CHECK(::connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
  SSL* ssl = side(client, fd, false);
  const Bytes message = test_frame(kMaxFrame);
  std::array<char, 4> reply{};
  for (int i = 0; i < messages; ++i) {
    FEDQAT_CHECK(SSL_write(ssl, message.data(), static_cast<int>(kMaxFrame)) > 0);
    FEDQAT_CHECK(SSL_read(ssl, reply.data(), 4) == 4);
  }
  reader.join();
  SSL_free(ssl);
  ::close(fd);
  ::close(listener);
}

void in_threads(int n, const std::function<void()>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < n; ++i) threads.emplace_back(work);
  for (auto& t : threads) t.join();
}

double mb_per_s(int mib, double s) { return mib * 1.048576 / s; }

struct SmallReplies {
  SmallReplies() {
    ServerOptions o;
    o.address = "127.0.0.1";
    server = std::move(TlsServer::start(o, pki().server_context(),
                                        [this](ConnectionId id, const Peer&, const Bytes&) {
                                          server->reply(id, Bytes(kFrameHeader));
                                        }))
                 .value();
    options.host = "127.0.0.1";
    options.port = server->port();
  }
  std::unique_ptr<TlsServer> server;
  TlsTransportOptions options;
};

void bench_ingest(int mib) {
  for (const int connections : {1, 2, 4}) {
    const int each = mib / connections;
    double raw = 0;
    double frames = 0;
    for (int repeat = 0; repeat < 3; ++repeat) {  // the best of three, in turns
      const TlsContext server = pki().server_context();
      const TlsContext client = pki().client_context();
      raw =
          std::max(raw, mb_per_s(mib, seconds([&] {
                                   in_threads(connections, [&] { raw_pair(server, client, each); });
                                 })));
      const SmallReplies small;
      frames = std::max(frames, mb_per_s(mib, seconds([&] {
                                           in_threads(connections, [&] {
                                             TlsTransport t(small.options, client);
                                             const Bytes frame = test_frame(kMaxFrame);
                                             for (int i = 0; i < each; ++i) {
                                               FEDQAT_CHECK(t.call(frame));
                                             }
                                           });
                                         })));
    }
    std::printf(
        "1 MiB frames, %d connections: OpenSSL alone %.0f MB/s, TlsServer %.0f MB/s (%.2f)\n",
        connections, raw, frames, frames / raw);
    std::fflush(stdout);
  }
}

void bench_connections() {
  constexpr int kEach = 500;
  const SmallReplies small;
  const TlsContext client = pki().client_context();
  const double s = seconds([&] {
    in_threads(2, [&] {
      const Bytes frame = test_frame(32);
      for (int i = 0; i < kEach; ++i) {
        TlsTransport t(small.options, client);
        FEDQAT_CHECK(t.call(frame));
      }
    });
  });
  std::printf("new mutual connections with one request: %.0f /s (both ends on this machine)\n",
              2 * kEach / s);
  std::fflush(stdout);
}

// What many devices that fetch a model cost.
void bench_replies(int mib) {
  std::unique_ptr<TlsServer> server;
  ServerOptions o;
  o.address = "127.0.0.1";
  const Bytes chunk = test_frame(kMaxFrame);
  server = std::move(TlsServer::start(o, pki().server_context(),
                                      [&](ConnectionId id, const Peer&, const Bytes&) {
                                        server->reply(id, chunk);
                                      }))
               .value();
  TlsTransportOptions options;
  options.host = "127.0.0.1";
  options.port = server->port();
  const TlsContext client = pki().client_context();
  for (const int connections : {1, 4}) {
    double best = 0;
    for (int repeat = 0; repeat < 3; ++repeat) {
      best = std::max(best, mb_per_s(mib, seconds([&] {
                                       in_threads(connections, [&] {
                                         TlsTransport t(options, client);
                                         for (int i = 0; i < mib / connections; ++i) {
                                           FEDQAT_CHECK(t.call(test_frame(4)));
                                         }
                                       });
                                     })));
    }
    std::printf("1 MiB replies, %d connections: %.0f MB/s\n", connections, best);
  }
}

long resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  long pages = 0;
  statm >> pages >> pages;
  return pages * ::sysconf(_SC_PAGESIZE);
}

// The server in a process of its own; reports its resident memory whenever it is asked.
void bench_idle(int connections) {
  pki();  // the same on both sides
  std::array<int, 2> channel{};
  FEDQAT_CHECK(::socketpair(AF_UNIX, SOCK_STREAM, 0, channel.data()) == 0);
  const pid_t child = ::fork();
  FEDQAT_CHECK(child >= 0);
  if (child == 0) {
    ::close(channel[0]);
    const SmallReplies small;
    long value = small.options.port;
    char ask = 0;
    do {
      FEDQAT_CHECK(::write(channel[1], &value, sizeof value) == sizeof value);
      if (::read(channel[1], &ask, 1) != 1) break;
      value = resident_bytes();
    } while (true);
    ::_exit(0);
  }
  ::close(channel[1]);
  long value = 0;
  const auto receive = [&] {
    FEDQAT_CHECK(::read(channel[0], &value, sizeof value) == sizeof value);
    return value;
  };
  const auto ask = [&] {
    FEDQAT_CHECK(::write(channel[0], "?", 1) == 1);
    return receive();
  };
  TlsTransportOptions options;
  options.host = "127.0.0.1";
  options.port = static_cast<std::uint16_t>(receive());
  const TlsContext context = pki().client_context();
  const Bytes frame = test_frame(32);
  std::vector<std::unique_ptr<TlsTransport>> clients;
  const auto add = [&](int n) {
    for (int i = 0; i < n; ++i) {
      clients.push_back(std::make_unique<TlsTransport>(options, context));
      FEDQAT_CHECK(clients.back()->call(frame));
    }
  };
  add(20);
  const long before = ask();
  add(connections);
  const long idle = ask();
  for (std::size_t i = 0; i < clients.size(); i += 20) {
    FEDQAT_CHECK(clients[i]->call(test_frame(kMaxFrame)));
  }
  const long after = ask();
  std::printf(
      "%d idle mutual connections: %.1f KiB resident each; %.1f after 1 MiB from every 20th\n",
      connections, static_cast<double>(idle - before) / 1024 / connections,
      static_cast<double>(after - before) / 1024 / connections);
  std::fflush(stdout);
  ::close(channel[0]);
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace fedqat

int main(int argc, char** argv) {
  using namespace fedqat;
  const int mib = argc > 1 ? std::atoi(argv[1]) : 1200;
  const int idle = argc > 2 ? std::atoi(argv[2]) : 2000;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  bench_idle(idle);  // before this process has threads
  bench_connections();
  bench_ingest(mib);
  bench_replies(mib);
}
