// A fleet of devices against a real fedqat-coordinator process: new connections a second, memory of
// idle ones, and how fast a round's updates come in. The devices do not train; their updates are
// valid and say nothing.
//
//   bench_fleet COORDINATOR [--devices N] [--hidden H] [--float] [--memory-mb M] [--rounds R]
//     [--durability full|relaxed|rounds]
//
// One client thread, the server has the rest of the machine. An update has about 74 H parameters.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "common/base/check.h"
#include "common/base/fs.h"
#include "common/codec/update_codec.h"
#include "common/crypto/authority.h"
#include "common/data/digits.h"
#include "common/net/tls_context.h"
#include "common/nn/graph.h"
#include "common/nn/model_spec.h"
#include "common/wire/frame.h"
#include "common/wire/messages.h"
#include "coordinator/state/registry.h"
#include "coordinator/state/state_dir.h"
#include "tests/support/temp_dir.h"

namespace fedqat {
namespace {

struct Options {
  std::string coordinator;
  int devices = 200;
  int hidden = 14000;
  bool fp32 = false;
  int memory_mb = 256;
  std::string durability = "full";
  int rounds = 3;
};

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// ---- the coordinator's process

struct Usage {
  double rss_mib = 0;
  double peak_mib = 0;
  double cpu_s = 0;
};

Usage usage_of(pid_t pid) {
  Usage u;
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string key; status >> key;) {
    if (key == "VmRSS:" || key == "VmHWM:") {
      double kib = 0;
      status >> kib;
      (key == "VmRSS:" ? u.rss_mib : u.peak_mib) = kib / 1024;
    }
  }
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(stat, line);
  std::istringstream rest(line.substr(line.rfind(')') + 2));
  std::string word;
  double ticks = 0;
  for (int i = 3; i <= 15 && rest >> word; ++i) {
    if (i >= 14) ticks += std::stod(word);
  }
  u.cpu_s = ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return u;
}

pid_t launch(const std::vector<std::string>& words, const std::string& log) {
  const pid_t pid = ::fork();
  FEDQAT_CHECK(pid >= 0);
  if (pid > 0) return pid;
  const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(fd, STDERR_FILENO);
  std::vector<char*> argv;
  for (const std::string& w : words) argv.push_back(const_cast<char*>(w.c_str()));
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

int run_to_end(const std::vector<std::string>& words) {
  int status = 0;
  ::waitpid(launch(words, "/dev/null"), &status, 0);
  return status;
}

// ---- devices

struct Identity {
  PrivateKey key;
  Certificate certificate;
};

std::vector<Identity> enroll(const StatePaths& paths, int devices) {
  const auto fs = make_posix_fs();
  const auto ca = Certificate::from_pem(*fs->read(paths.ca_cert()));
  const auto ca_key = PrivateKey::from_pem(*fs->read(paths.ca_key()));
  FEDQAT_CHECK(ca && ca_key);
  auto registry = Registry::open(paths.registry());
  FEDQAT_CHECK(registry);
  std::vector<Identity> all;
  const std::int64_t now = ::time(nullptr);
  for (int i = 0; i < devices; ++i) {
    const PrivateKey key = PrivateKey::make_p256();
    const std::string name = "device-" + std::to_string(i);
    const auto certificate =
        sign_csr(*ca, *ca_key, *make_csr(key, name),
                 {name, CertificateProfile::Purpose::kClient, {}, {now - 600, now + 86400}});
    FEDQAT_CHECK(certificate);
    FEDQAT_CHECK(registry->add_token(name, name, now + 3600));
    const auto device = registry->redeem(name, key.public_sha256(), now);
    FEDQAT_CHECK(device);
    FEDQAT_CHECK(registry->add_key(
        device->number, {key.public_sha256(), certificate->serial(), certificate->not_after_s()}));
    all.push_back({key, *certificate});
  }
  return all;
}

// A connection that sends one frame after another and takes the reply to each.
struct Device {
  int fd = -1;
  SSL* ssl = nullptr;
  bool connected = false;
  std::vector<const Bytes*> todo;  // frames, last first
  std::size_t sent = 0;
  Bytes in;
  std::size_t have = 0;
  bool done = true;  // nothing is under way
  Reply last;
};

class Fleet {
 public:
  Fleet(const std::vector<Identity>& identities, const std::string& ca_pem, std::uint16_t port)
      : port_(port), epoll_(::epoll_create1(0)), devices_(identities.size()) {
    for (const Identity& id : identities) {
      auto context = TlsContext::client(
          {std::string(as_text(id.certificate.to_pem())), std::string(as_text(id.key.to_pem()))},
          ca_pem);
      FEDQAT_CHECK(context);
      contexts_.push_back(*context);
    }
  }

  // Every device connects and sends `frame`; at most `at_once` handshakes are under way.
  void connect_all(const Bytes& frame, std::size_t at_once) {
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

  void all_send(const std::vector<const Bytes*>& frames) {
    left_ = devices_.size();
    for (std::size_t i = 0; i < devices_.size(); ++i) {
      assign(devices_[i], frames);
      drive(i);
    }
    while (left_ > 0) poll();
  }

  const std::vector<Device>& devices() const { return devices_; }
  void close_all() {
    for (Device& d : devices_) {
      if (d.ssl != nullptr) SSL_free(d.ssl);
      if (d.fd >= 0) ::close(d.fd);
    }
  }

 private:
  static void assign(Device& d, std::vector<const Bytes*> frames) {
    d.todo.assign(frames.rbegin(), frames.rend());
    d.sent = d.have = 0;
    d.done = false;
  }

  void open(std::size_t i) {
    Device& d = devices_[i];
    d.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    FEDQAT_CHECK(d.fd >= 0);
    const int on = 1;
    ::setsockopt(d.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const linger hard{1, 0};  // no TIME_WAIT of thousands
    ::setsockopt(d.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port_);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::connect(d.fd, reinterpret_cast<sockaddr*>(&a), sizeof a);
    d.ssl = SSL_new(contexts_[i].get());
    SSL_set_fd(d.ssl, d.fd);
    SSL_set1_host(d.ssl, "localhost");
    SSL_set_connect_state(d.ssl);
    epoll_event e{};
    e.events = EPOLLIN | EPOLLOUT | EPOLLET;
    e.data.u64 = i;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, d.fd, &e);
  }

  void poll() {
    epoll_event events[256];
    const int n = ::epoll_wait(epoll_, events, 256, 30000);
    FEDQAT_CHECK(n > 0);  // 30 s without any progress
    for (int i = 0; i < n; ++i) drive(events[i].data.u64);
  }

  // Works on the device until it would block.
  void drive(std::size_t i) {
    Device& d = devices_[i];
    while (!d.done) {
      const Bytes& frame = *d.todo.back();
      if (d.sent < frame.size()) {
        const int n =
            SSL_write(d.ssl, frame.data() + d.sent, static_cast<int>(frame.size() - d.sent));
        if (n <= 0) return check(d, n);
        d.sent += static_cast<std::size_t>(n);
        continue;
      }
      if (d.in.size() < kFrameHeader) d.in.resize(kFrameHeader);
      std::size_t want = d.in.size();
      const int n = SSL_read(d.ssl, d.in.data() + d.have, static_cast<int>(want - d.have));
      if (n <= 0) return check(d, n);
      d.have += static_cast<std::size_t>(n);
      if (d.have == kFrameHeader) {
        d.in.resize(*frame_size(ByteView(d.in).first(kFrameHeader)));
        want = d.in.size();
      }
      if (d.have < want || want == kFrameHeader) continue;
      finish(d);
    }
  }

  void finish(Device& d) {
    auto reply = decode_reply(d.in);
    FEDQAT_CHECK(reply);
    if (const auto* refusal = std::get_if<Refusal>(&reply->body)) {
      if (refusal->code == RefusalCode::kBusy) {  // the same again; its turn comes
        d.in = {};
        d.sent = d.have = 0;
        ++busy_;
        return;
      }
      std::fprintf(stderr, "refused: %s\n", refusal->text.c_str());
      std::exit(1);
    }
    d.last = std::move(*reply);
    d.in = {};
    d.sent = d.have = 0;
    d.todo.pop_back();
    if (!d.todo.empty()) return;
    d.done = true;
    --left_;
  }

  static void check(Device& d, int n) {
    const int e = SSL_get_error(d.ssl, n);
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) return;
    std::fprintf(stderr, "a connection broke\n");
    std::exit(1);
  }

  std::uint16_t port_;
  int epoll_;
  std::vector<TlsContext> contexts_;
  std::vector<Device> devices_;
  std::size_t left_ = 0;
  std::size_t busy_ = 0;
};

// ---- updates

// The frames of an update of zeros for this task.
std::vector<Bytes> update_frames(const Task& task, const Graph& graph) {
  UpdateGrid grid;
  for (std::size_t t = 0; t < task.grid.size(); ++t) {
    grid.push_back({graph.params[t].size, task.grid[t].bits, task.grid[t].step});
  }
  const std::vector<float> zeros(graph.param_count, 0.0F);
  const auto encoded = encode_update(grid, zeros, Rng({.seed = 1}));
  FEDQAT_CHECK(encoded);
  const UpdateStats stats{32, 32, 0, encoded->clipped, encoded->max_abs, {}};
  UploadUpdate u{task.run, task.round, task.version,       {}, encoded->payload.size(),
                 0,        {},         encode_stats(stats)};
  u.sha256 = update_digest(encoded->payload, u.stats);
  const Bytes stats_bytes = u.stats;
  std::vector<Bytes> frames;
  for (std::size_t at = 0; at < encoded->payload.size(); at += kChunkBytes) {
    const std::size_t n = std::min(kChunkBytes, encoded->payload.size() - at);
    const auto begin = encoded->payload.begin() + static_cast<std::ptrdiff_t>(at);
    u.offset = at;
    u.data.assign(begin, begin + static_cast<std::ptrdiff_t>(n));
    u.stats = u.last() ? stats_bytes : Bytes{};
    frames.push_back(encode_request(u));
  }
  return frames;
}

// What OpenSSL alone does on this machine, now: one thread writes 1 MiB messages, one reads them.
double raw_mb_per_s(const StatePaths& paths, const Identity& device, int messages) {
  const std::string own(as_text(*make_posix_fs()->read(paths.server_cert())));
  const std::string ca(as_text(*make_posix_fs()->read(paths.ca_cert())));
  const std::size_t split = own.find("-----BEGIN PRIVATE KEY");
  const auto server = TlsContext::server({own.substr(0, split) + ca, own.substr(split)}, ca);
  const auto client = TlsContext::client({std::string(as_text(device.certificate.to_pem())),
                                          std::string(as_text(device.key.to_pem()))},
                                         ca);
  FEDQAT_CHECK(server && client);
  int fds[2];
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof a;
  FEDQAT_CHECK(::bind(listener, reinterpret_cast<sockaddr*>(&a), size) == 0);
  FEDQAT_CHECK(::listen(listener, 1) == 0);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&a), &size);
  fds[0] = ::socket(AF_INET, SOCK_STREAM, 0);
  FEDQAT_CHECK(::connect(fds[0], reinterpret_cast<sockaddr*>(&a), size) == 0);
  fds[1] = ::accept(listener, nullptr, nullptr);
  constexpr int kMessage = 1 << 20;
  std::thread reader([&] {
    SSL* ssl = SSL_new(server->get());
    SSL_set_fd(ssl, fds[1]);
    FEDQAT_CHECK(SSL_accept(ssl) == 1);
    std::vector<char> buffer(kMessage);
    for (std::int64_t left = std::int64_t{kMessage} * messages; left > 0;) {
      const int n = SSL_read(ssl, buffer.data(), kMessage);
      FEDQAT_CHECK(n > 0);
      left -= n;
    }
    SSL_free(ssl);
  });
  SSL* ssl = SSL_new(client->get());
  SSL_set_fd(ssl, fds[0]);
  SSL_set1_host(ssl, "localhost");
  FEDQAT_CHECK(SSL_connect(ssl) == 1);
  const std::vector<char> message(kMessage, 7);
  const double start = now_s();
  for (int i = 0; i < messages; ++i) {
    for (int done = 0; done < kMessage;) {
      const int n = SSL_write(ssl, message.data() + done, kMessage - done);
      FEDQAT_CHECK(n > 0);
      done += n;
    }
  }
  reader.join();
  const double took = now_s() - start;
  SSL_free(ssl);
  for (const int fd : {fds[0], fds[1], listener}) ::close(fd);
  return kMessage * static_cast<double>(messages) / took / 1e6;
}

std::uint16_t read_port(const StatePaths& paths) {
  for (int i = 0; i < 100; ++i) {
    std::ifstream file(paths.dir / "ports");
    std::string key;
    int port = 0;
    if (file >> key >> port) return static_cast<std::uint16_t>(port);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  std::fprintf(stderr, "the coordinator did not start\n");
  std::exit(1);
}

int run(const Options& o) {
  const rlimit files{65536, 65536};
  ::setrlimit(RLIMIT_NOFILE, &files);
  const TempDir dir;
  const std::string state = (dir.path() / "state").string();
  const std::string config = (dir.path() / "fleet.toml").string();
  std::ofstream(config) << "[run]\nname = \"fleet\"\nrounds = 8\n[model]\nname = \"mlp-" << o.hidden
                        << "\"\n[partition]\nclients = " << o.devices
                        << "\n[quant]\nwarmup_rounds = 6\n[codec]\nuplink_bits = "
                        << (o.fp32 ? 32 : 8) << "\n[round]\nclients = " << o.devices
                        << "\nmax_samples = 64\n[deploy]\nport = 0\nenroll_port = 0\nops_port = 0\n"
                        << "address = \"127.0.0.1\"\nmax_per_address = 100000\n"
                        << "memory_limit_mb = " << o.memory_mb << "\ndurability = \""
                        << o.durability << "\"\n";
  FEDQAT_CHECK(run_to_end({o.coordinator, "init", "--state", state, "--name", "localhost"}) == 0);
  const StatePaths paths{state};
  double start = now_s();
  const auto identities = enroll(paths, o.devices);
  std::printf("%d devices enrolled in %.1f s\n", o.devices, now_s() - start);
  const std::string log = (dir.path() / "log").string();
  const pid_t server = launch({o.coordinator, "serve", "--state", state, config}, log);
  const std::uint16_t port = read_port(paths);
  const Usage empty = usage_of(server);

  Fleet fleet(identities, std::string(as_text(*make_posix_fs()->read(paths.ca_cert()))), port);
  const Bytes check_in = encode_request(CheckIn{});
  start = now_s();
  fleet.connect_all(check_in, 64);
  const double connecting = now_s() - start;
  const Usage connected = usage_of(server);
  std::printf("connect + first request: %.0f /s (server CPU %.2f ms each)\n",
              o.devices / connecting, (connected.cpu_s - empty.cpu_s) * 1000 / o.devices);
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const Usage idle = usage_of(server);
  std::printf("idle: %.1f KiB a connection (RSS %.1f -> %.1f MiB)\n",
              (idle.rss_mib - empty.rss_mib) * 1024 / o.devices, empty.rss_mib, idle.rss_mib);

  const auto spec = model_from_zoo("mlp-" + std::to_string(o.hidden), {8, 8, 1}, 10);
  FEDQAT_CHECK(spec);
  const auto graph = build_graph(*spec, QuantSpec{});
  FEDQAT_CHECK(graph);
  for (int round = 1; round <= o.rounds; ++round) {
    if (round > 1) fleet.all_send({&check_in});
    const auto* task = std::get_if<Task>(&fleet.devices().front().last.body);
    FEDQAT_CHECK(task != nullptr);
    FEDQAT_CHECK(task->round == static_cast<std::uint32_t>(round));
    const auto frames = update_frames(*task, *graph);
    std::vector<const Bytes*> list;
    double bytes = 0;
    for (const Bytes& f : frames) {
      list.push_back(&f);
      bytes += static_cast<double>(f.size());
    }
    const double raw = raw_mb_per_s(paths, identities.front(), 500);
    const Usage before = usage_of(server);
    start = now_s();
    fleet.all_send(list);
    const double took = now_s() - start;
    const Usage after = usage_of(server);
    const auto* ack = std::get_if<Ack>(&fleet.devices().back().last.body);
    FEDQAT_CHECK(ack != nullptr && ack->complete);
    const double rate = bytes * o.devices / took / 1e6;
    std::printf(
        "round %d: %d updates of %.0f KiB in %.3f s: %.0f MB/s (%.2f of raw OpenSSL's %.0f), "
        "%.0f updates/s, server CPU %.3f ms each, peak RSS %.1f MiB (idle + %.1f)\n",
        round, o.devices, bytes / 1024, took, rate, rate / raw, raw, o.devices / took,
        (after.cpu_s - before.cpu_s) * 1000 / o.devices, after.peak_mib,
        after.peak_mib - idle.rss_mib);
  }
  ::kill(server, SIGTERM);
  start = now_s();
  int status = 0;
  ::waitpid(server, &status, 0);
  std::printf("SIGTERM with %d devices connected: exit %d after %.2f s\n", o.devices,
              WEXITSTATUS(status), now_s() - start);
  fleet.close_all();
  return 0;
}

}  // namespace
}  // namespace fedqat

int main(int argc, char** argv) {
  fedqat::Options o;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto number = [&] { return i + 1 < argc ? std::atoi(argv[++i]) : 0; };
    if (word == "--devices") {
      o.devices = number();
    } else if (word == "--hidden") {
      o.hidden = number();
    } else if (word == "--memory-mb") {
      o.memory_mb = number();
    } else if (word == "--rounds") {
      o.rounds = number();
    } else if (word == "--float") {
      o.fp32 = true;
    } else if (word == "--durability") {
      o.durability = i + 1 < argc ? argv[++i] : "";
    } else {
      o.coordinator = word;
    }
  }
  if (o.coordinator.empty() || o.devices < 1) {
    std::fprintf(stderr,
                 "usage: bench_fleet COORDINATOR [--devices N] [--hidden H] [--float] "
                 "[--memory-mb M] [--rounds R] [--durability full|relaxed|rounds]\n");
    return 2;
  }
  return fedqat::run(o);
}
