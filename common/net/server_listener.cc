#include "common/net/server_listener.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "common/net/tcp_connect.h"

namespace fedqat {
namespace {

constexpr auto kPause = std::chrono::milliseconds(50);
constexpr int kAcceptsInARow = 32;

void set_option(int fd, int level, int name, int value) {
  ::setsockopt(fd, level, name, &value, sizeof value);
}

struct Source {
  std::uint64_t key = 0;
  std::string text;
};

Source source_of(const sockaddr_storage& address) {
  Source s;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    s.key = v4.sin_addr.s_addr;
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  } else {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
    std::memcpy(&s.key, v6.sin6_addr.s6_addr + (mapped ? 8 : 0), sizeof s.key);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  }
  s.text = text.data();
  return s;
}

std::string os_error() { return std::strerror(errno); }

}  // namespace

Result<std::unique_ptr<ServerListener>> ServerListener::open(ServerCore& core,
                                                             std::vector<ServerWorker*> workers) {
  const ServerOptions& o = core.options;
  const std::string place = o.address + " port " + std::to_string(o.port);
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* info = nullptr;
  if (::getaddrinfo(o.address.c_str(), std::to_string(o.port).c_str(), &hints, &info) != 0) {
    return Error{Errc::kInvalid, place + ": not an address; give one of this machine in numbers"};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(info, ::freeaddrinfo);
  const int fd = ::socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Error{Errc::kIo, place + ": " + os_error()};
  set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::bind(fd, info->ai_addr, info->ai_addrlen) != 0 || ::listen(fd, SOMAXCONN) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    const bool taken = errno == EADDRINUSE;
    Error e{taken ? Errc::kUnavailable : Errc::kIo,
            place + ": " + os_error() +
                (taken ? ": stop the program that listens there, or choose another port"
                       : ": choose an address of this machine and a port from 1024 on")};
    ::close(fd);
    return e;
  }
  const std::uint16_t port =
      ntohs(bound.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(bound).sin_port
                                       : reinterpret_cast<const sockaddr_in6&>(bound).sin6_port);
  return std::make_unique<ServerListener>(core, std::move(workers), fd, port);
}

ServerListener::ServerListener(ServerCore& core, std::vector<ServerWorker*> workers, int fd,
                               std::uint16_t port)
    : core_(core),
      workers_(std::move(workers)),
      socket_(workers_.front()->io(), fd),
      timer_(workers_.front()->io()),
      port_(port),
      tokens_(static_cast<double>(core.options.accept_rate)),
      tokens_ms_(steady_now_ms()) {}

void ServerListener::accept_when_ready() {
  socket_.async_wait(asio::posix::stream_descriptor::wait_read, [this](asio::error_code e) {
    if (!e && socket_.is_open()) accept_some();
  });
}

bool ServerListener::take_token() {
  if (core_.options.accept_rate == 0) return true;
  const auto rate = static_cast<double>(core_.options.accept_rate);
  const std::int64_t now_ms = steady_now_ms();
  tokens_ = std::min(
      rate, tokens_ + rate * static_cast<double>(now_ms - std::exchange(tokens_ms_, now_ms)) / 1e3);
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

void ServerListener::accept_some() {
  for (int i = 0; i < kAcceptsInARow; ++i) {
    if (!take_token()) return pause();
    const int fd =
        ::accept4(socket_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      admit(fd);
      continue;
    }
    tokens_ += 1;
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
    // Too few descriptors or too little memory: the queue keeps who waits.
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) return pause();
  }
  accept_when_ready();
}

void ServerListener::pause() {
  core_.count(&ServerStats::accept_pauses);
  timer_.expires_after(kPause);
  timer_.async_wait([this](asio::error_code e) {
    if (!e && socket_.is_open()) accept_some();
  });
}

void ServerListener::admit(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    ::close(fd);
    return;
  }
  Source source = source_of(address);
  switch (core_.admission.enter(source.key)) {
    case Admission::Verdict::kAdmitted:
      tune_socket(fd);
      core_.count(&ServerStats::accepted);
      workers_[next_worker_++ % workers_.size()]->adopt({fd, source.key, std::move(source.text)});
      return;
    case Admission::Verdict::kConnections:
      core_.count(&ServerStats::refused_connections);
      break;
    case Admission::Verdict::kPerAddress:
      core_.count(&ServerStats::refused_per_address);
      break;
    case Admission::Verdict::kUnauthenticated:
      core_.count(&ServerStats::refused_unauthenticated);
      break;
  }
  ::close(fd);
}

void ServerListener::close() {
  asio::error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
}

}  // namespace fedqat
