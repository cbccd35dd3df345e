#include "tests/bench/fleet/fleet.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>
#include <variant>

#include "common/base/check.h"
#include "common/wire/frame.h"
#include "tests/support/raw_tls.h"

namespace fedqat {
namespace {

void assign(Device& d, const std::vector<const Bytes*>& frames) {
  d.todo.assign(frames.rbegin(), frames.rend());
  d.sent = d.have = 0;
  d.done = false;
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

void Fleet::connect_all(const Bytes& frame, std::size_t at_once) {
  std::size_t next = 0;
  left_ = devices_.size();
  while (left_ > 0) {
    while (next < devices_.size() && next - (devices_.size() - left_) < at_once) {
      open(next);
      assign(devices_[next], {&frame});
      ++next;
    }
    poll();
  }
}

void Fleet::all_send(const std::vector<const Bytes*>& frames) {
  left_ = devices_.size();
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    assign(devices_[i], frames);
    drive(i);
  }
  while (left_ > 0) poll();
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
  epoll_event events[256];
  const int n = ::epoll_wait(epoll_, events, 256, 30000);
  FEDQAT_CHECK(n > 0);  // 30 s without any progress
  for (int i = 0; i < n; ++i) drive(events[i].data.u64);
}

// Works on the device until it would block.
void Fleet::drive(std::size_t i) {
  Device& d = devices_[i];
  while (!d.done) {
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
    finish(d);
  }
}

void Fleet::finish(Device& d) {
  auto reply = decode_reply(d.in);
  FEDQAT_CHECK(reply);
  d.in = {};
  d.sent = d.have = 0;
  if (const auto* refusal = std::get_if<Refusal>(&reply->body)) {
    if (refusal->code == RefusalCode::kBusy) return;  // the same again; its turn comes
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
