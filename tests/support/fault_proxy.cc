#include "tests/support/fault_proxy.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <sstream>

#include "common/base/check.h"

namespace fedqat {
namespace {

constexpr int kPollMs = 20;

enum class Ending : std::uint8_t { kNone, kClose, kReset };

int connect_to(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list) != 0) return -1;
  int fd = -1;
  for (const addrinfo* a = list; a != nullptr && fd < 0; a = a->ai_next) {
    fd = ::socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && ::connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
      ::close(fd);
      fd = -1;
    }
  }
  ::freeaddrinfo(list);
  return fd;
}

void tune(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// How far a piece that begins at `offset` may reach, so that it ends where the fault begins.
std::size_t until(std::int64_t fault_at, std::int64_t offset, std::size_t size) {
  if (fault_at < 0 || fault_at <= offset) return size;
  return std::min(size, static_cast<std::size_t>(fault_at - offset));
}

}  // namespace

// Any thread may end it; whichever pump leaves last closes the sockets.
struct FaultProxy::Connection {
  void end(Ending how) { ending.store(how); }
  bool ended() const { return ending.load() != Ending::kNone; }
  void leave() {
    if (running.fetch_sub(1) > 1) return;
    const linger now{1, 0};  // close() then resets
    for (const int fd : {client, target}) {
      if (ending == Ending::kReset) ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
      ::close(fd);
    }
  }
  int client = -1;
  int target = -1;
  ProxyFaults faults;
  std::uint32_t number = 0;
  std::atomic<int> running{2};
  std::atomic<Ending> ending{Ending::kNone};
  std::thread up, down;
};

Result<Faults> parse_faults(const std::string& text) {
  Faults f;
  std::istringstream in(text);
  for (std::string item; std::getline(in, item, ',');) {
    const auto equals = item.find('=');
    const std::string name = item.substr(0, equals);
    std::int64_t value = -1;
    const char* end = item.data() + item.size();
    const bool number = equals != std::string::npos &&
                        std::from_chars(item.data() + equals + 1, end, value).ptr == end;
    std::int64_t* field = name == "delay"      ? &f.delay_ms
                          : name == "jitter"   ? &f.jitter_ms
                          : name == "rate"     ? &f.bytes_per_s
                          : name == "stall"    ? &f.stall_at
                          : name == "cut"      ? &f.cut_at
                          : name == "reset"    ? &f.reset_at
                          : name == "truncate" ? &f.truncate_at
                          : name == "flip"     ? &f.flip_at
                                               : nullptr;
    if (field == nullptr || !number || value < 0) {
      return Error{Errc::kInvalid, "fault '" + item +
                                       "': give NAME=NUMBER, NAME one of delay, jitter, rate, "
                                       "stall, cut, reset, truncate, flip"};
    }
    *field = value;
  }
  return f;
}

FaultProxy::FaultProxy(std::string target_host, std::uint16_t target_port, std::uint64_t seed,
                       std::uint16_t port)
    : target_host_(std::move(target_host)), target_port_(target_port), seed_(seed) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof a;
  FEDQAT_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
  FEDQAT_CHECK(::listen(listener_, 256) == 0);
  FEDQAT_CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&a), &size) == 0);
  port_ = ntohs(a.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

FaultProxy::~FaultProxy() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  acceptor_.join();
  ::close(listener_);
  end_all();
}

void FaultProxy::end_all() {
  for (const auto& c : connections_) c->end(Ending::kClose);
  for (const auto& c : connections_) {
    c->up.join();
    c->down.join();
  }
  connections_.clear();
}

void FaultProxy::set(const ProxyFaults& faults) {
  const std::scoped_lock lock(mutex_);
  faults_ = faults;
  count_ = 0;
}

void FaultProxy::drop_all() {
  const std::scoped_lock lock(mutex_);
  for (const auto& c : connections_) c->end(Ending::kReset);
}

bool FaultProxy::pause(std::int64_t ms) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return stopping_.load(); });
}

void FaultProxy::accept_all() {
  while (!stopping_) {
    pollfd p{listener_, POLLIN, 0};
    if (::poll(&p, 1, kPollMs) <= 0) continue;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    const int target = connect_to(target_host_, target_port_);
    if (target < 0) {
      ::close(client);
      continue;
    }
    tune(client);
    tune(target);
    auto c = std::make_unique<Connection>();
    c->client = client;
    c->target = target;
    const std::scoped_lock lock(mutex_);
    connections_.remove_if([](const auto& old) {
      if (old->running.load() > 0) return false;
      old->up.join();
      old->down.join();
      return true;
    });
    c->number = count_++;
    if (faults_.connections < 0 || c->number < faults_.connections) c->faults = faults_;
    Connection& it = *connections_.emplace_back(std::move(c));
    it.up = std::thread([this, &it] { pump(it, true); });
    it.down = std::thread([this, &it] { pump(it, false); });
  }
}

void FaultProxy::pump(Connection& c, bool up) {
  forward(c, up);
  c.leave();
}

void FaultProxy::forward(Connection& c, bool up) {
  const Faults f = up ? c.faults.up : c.faults.down;
  const int from = up ? c.client : c.target;
  const int to = up ? c.target : c.client;
  Rng rng({.seed = seed_, .round = c.number, .client = up ? 1U : 0U, .purpose = Purpose::kTest});
  std::array<char, 16384> piece{};
  std::int64_t offset = 0;
  const auto begin = std::chrono::steady_clock::now();
  const auto reached = [&](std::int64_t at) { return at >= 0 && offset >= at; };
  while (!stopping_ && !c.ended()) {
    if (c.faults.half_open || reached(f.stall_at)) {
      pollfd p{from, POLLRDHUP, 0};  // until either side gives up
      if (::poll(&p, 1, kPollMs) > 0) return c.end(Ending::kClose);
      continue;
    }
    if (reached(f.cut_at)) return c.end(Ending::kClose);
    if (reached(f.reset_at)) return c.end(Ending::kReset);
    if (reached(f.truncate_at)) {
      ::shutdown(to, SHUT_WR);
      return;
    }
    std::size_t size = piece.size();
    if (f.bytes_per_s > 0) {
      size = std::clamp<std::size_t>(static_cast<std::size_t>(f.bytes_per_s) / 20, 1, size);
    }
    for (const std::int64_t at : {f.stall_at, f.cut_at, f.reset_at, f.truncate_at}) {
      size = until(at, offset, size);
    }
    pollfd p{from, POLLIN, 0};
    if (::poll(&p, 1, kPollMs) <= 0) continue;
    const ssize_t n = ::recv(from, piece.data(), size, 0);
    if (n <= 0) {
      ::shutdown(to, SHUT_WR);
      return;
    }
    if (f.flip_at >= offset && f.flip_at < offset + n) {
      char& byte = piece[static_cast<std::size_t>(f.flip_at - offset)];
      byte = static_cast<char>(byte ^ (1 << rng.below(8)));
    }
    offset += n;
    std::int64_t wait_ms = f.delay_ms;
    if (f.jitter_ms > 0) {
      wait_ms += rng.below(static_cast<std::uint32_t>(2 * f.jitter_ms + 1)) - f.jitter_ms;
    }
    if (f.bytes_per_s > 0) {
      const auto due = begin + std::chrono::milliseconds(offset * 1000 / f.bytes_per_s);
      wait_ms =
          std::max<std::int64_t>(wait_ms, std::chrono::duration_cast<std::chrono::milliseconds>(
                                              due - std::chrono::steady_clock::now())
                                              .count());
    }
    if (wait_ms > 0 && !pause(wait_ms)) return;
    if (!send_all(c, to, piece.data(), static_cast<std::size_t>(n))) {
      return c.end(Ending::kClose);
    }
  }
}

bool FaultProxy::send_all(const Connection& c, int to, const char* data, std::size_t size) {
  while (size > 0) {
    if (stopping_ || c.ended()) return false;
    const ssize_t n = ::send(to, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      data += n;
      size -= static_cast<std::size_t>(n);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd p{to, POLLOUT, 0};
      ::poll(&p, 1, kPollMs);
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace fedqat
