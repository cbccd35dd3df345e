#include "tests/bench/fleet/fleet.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <variant>

#include "common/base/check.h"
#include "common/wire/frame.h"
#include "tests/bench/fleet/stopwatch.h"
#include "tests/support/raw_tls.h"

namespace fedqat {
namespace {

void assign(Device& d, const std::vector<const Bytes*>& frames) {
  d.todo.assign(frames.rbegin(), frames.rend());
  d.sent = d.have = 0;
  d.done = false;
  d.not_before_s = 0;
}

void check_would_block(const Device& d, int n) {
  const int e = SSL_get_error(d.ssl, n);
  if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) return;
  std::fprintf(stderr, "a connection broke\n");
  std::exit(1);
}

}  // namespace

Fleet::Fleet(const std::vector<Identity>& identities, const std::string& ca_pem, std::uint16_t port)
    : port_(port), epoll_(::epoll_create1(0)), devices_(identities.size()) {
  for (const Identity& id : identities) {
    auto context = TlsContext::client(id.tls(), ca_pem);
    FEDQAT_CHECK(context);
    contexts_.push_back(*context);
  }
}

Fleet::~Fleet() {
  for (Device& d : devices_) {
    if (d.ssl != nullptr) SSL_free(d.ssl);
    if (d.fd >= 0) ::close(d.fd);
  }
  ::close(epoll_);
}

// Begins devices first to last - 1, so many at once; returns when all are done.
template <class Begin>
void Fleet::all(std::size_t first, std::size_t last, std::size_t at_once, Begin&& begin) {
  std::size_t next = first;
  left_ = last - first;
  while (left_ > 0) {
    if (next < last && next - first + left_ < last - first + at_once) {
      begin(next++);
    } else {
      poll();
    }
  }
}

void Fleet::connect_all(const Bytes& frame, std::size_t at_once) {
  all(0, devices_.size(), at_once, [&](std::size_t i) {
    open(i);
    assign(devices_[i], {&frame});
  });
}

void Fleet::send(std::size_t first, std::size_t last, const std::vector<const Bytes*>& frames,
                 std::size_t at_once) {
  busy_ = 0;
  all(first, last, at_once, [&](std::size_t i) {
    assign(devices_[i], frames);
    drive(i);
  });
}

void Fleet::open(std::size_t i) {
  Device& d = devices_[i];
  d.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  FEDQAT_CHECK(d.fd >= 0);
  const int on = 1;
  ::setsockopt(d.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const linger hard{1, 0};  // no TIME_WAIT of thousands
  ::setsockopt(d.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  const sockaddr_in a = loopback(port_);
  ::connect(d.fd, reinterpret_cast<const sockaddr*>(&a), sizeof a);
  d.ssl = SSL_new(contexts_[i].get());
  SSL_set_fd(d.ssl, d.fd);
  SSL_set1_host(d.ssl, "localhost");
  SSL_set_connect_state(d.ssl);
  epoll_event e{};
  e.events = EPOLLIN | EPOLLOUT | EPOLLET;
  e.data.u64 = i;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, d.fd, &e);
}

void Fleet::poll() {
  double wait_s = 30;
  for (auto w = waiting_.begin(); w != waiting_.end();) {
    const double left_s = devices_[*w].not_before_s - now_s();
    if (left_s <= 0) {
      const std::size_t i = *w;
      w = waiting_.erase(w);
      devices_[i].not_before_s = 0;
      drive(i);
    } else {
      wait_s = std::min(wait_s, left_s);
      ++w;
    }
  }
  epoll_event events[256];
  const int n = ::epoll_wait(epoll_, events, 256, static_cast<int>(wait_s * 1000) + 1);
  FEDQAT_CHECK(n > 0 || !waiting_.empty());  // 30 s without any progress
  for (int i = 0; i < n; ++i) drive(events[i].data.u64);
}

// Works on the device until it would block.
void Fleet::drive(std::size_t i) {
  Device& d = devices_[i];
  while (!d.done && d.not_before_s == 0) {
    const Bytes& frame = *d.todo.back();
    if (d.sent < frame.size()) {
      const int n =
          SSL_write(d.ssl, frame.data() + d.sent, static_cast<int>(frame.size() - d.sent));
      if (n <= 0) return check_would_block(d, n);
      d.sent += static_cast<std::size_t>(n);
      continue;
    }
    if (d.in.size() < kFrameHeader) d.in.resize(kFrameHeader);
    std::size_t want = d.in.size();
    const int n = SSL_read(d.ssl, d.in.data() + d.have, static_cast<int>(want - d.have));
    if (n <= 0) return check_would_block(d, n);
    d.have += static_cast<std::size_t>(n);
    if (d.have == kFrameHeader) {
      d.in.resize(*frame_size(ByteView(d.in).first(kFrameHeader)));
      want = d.in.size();
    }
    if (d.have < want || want == kFrameHeader) continue;
    finish(i);
  }
}

void Fleet::finish(std::size_t i) {
  Device& d = devices_[i];
  auto reply = decode_reply(d.in);
  FEDQAT_CHECK(reply);
  d.in = {};
  d.sent = d.have = 0;
  if (const auto* refusal = std::get_if<Refusal>(&reply->body)) {
    if (refusal->code == RefusalCode::kBusy) {  // the same again, later
      ++busy_;
      d.not_before_s = now_s() + reply->retry_after_ms / 1000.0;
      waiting_.push_back(i);
      return;
    }
    std::fprintf(stderr, "refused: %s\n", refusal->text.c_str());
    std::exit(1);
  }
  d.last = std::move(*reply);
  d.todo.pop_back();
  if (!d.todo.empty()) return;
  d.done = true;
  --left_;
}

}  // namespace fedqat
