#include "common/net/tcp_connect.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace fedqat {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kKeepIdleS = 60, kKeepIntervalS = 15, kKeepProbes = 3, kUserTimeoutMs = 30'000;

// 0, or what went wrong; ETIMEDOUT at the deadline.
int connect_by(int fd, const addrinfo& address, Clock::time_point deadline) {
  if (::connect(fd, address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (!wait_ready(fd, POLLOUT, deadline)) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace

bool wait_ready(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd p{fd, events, 0};
    const int n = ::poll(&p, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 1 << 30)));
    if (n > 0) return true;
    if (n == 0 ? left <= 0 || Clock::now() >= deadline : errno != EINTR) return false;
  }
}

void tune_socket(int fd) {
  const auto set = [fd](int level, int name, int value) {
    ::setsockopt(fd, level, name, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepIdleS);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepIntervalS);
  set(IPPROTO_TCP, TCP_KEEPCNT, kKeepProbes);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
}

Result<int> tcp_connect(const std::string& host, std::uint16_t port, std::int64_t timeout_ms) {
  const std::string place = host + " port " + std::to_string(port);
  const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int looked_up = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (looked_up != 0) {
    return Error{Errc::kUnavailable, place + ": " + ::gai_strerror(looked_up) +
                                         ": check the coordinator's name and this machine's DNS"};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(list, ::freeaddrinfo);
  std::int64_t addresses = 0;
  for (const addrinfo* a = list; a != nullptr; a = a->ai_next) ++addresses;
  int error = 0;
  for (const addrinfo* a = list; a != nullptr; a = a->ai_next, --addresses) {
    const int fd =
        ::socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0) {
      error = errno;
      continue;
    }
    // An address that does not answer leaves the others their share.
    const auto now = Clock::now();
    error = connect_by(fd, *a, now + (deadline - now) / addresses);
    if (error == 0) {
      tune_socket(fd);
      return fd;
    }
    ::close(fd);
  }
  return Error{error == ETIMEDOUT ? Errc::kTimeout : Errc::kUnavailable,
               place + ": " + std::strerror(error) +
                   ": check that the coordinator runs and that no firewall is between"};
}

}  // namespace fedqat
