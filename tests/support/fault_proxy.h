// A TCP proxy that spoils what passes: the network as clients in the field have it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/base/result.h"
#include "common/base/rng.h"

namespace fedqat {

// Of one direction of a connection. Offsets count that direction's bytes; below 0: never.
struct Faults {
  std::int64_t delay_ms = 0;      // before each piece is passed on
  std::int64_t jitter_ms = 0;     // up to that much more or less
  std::int64_t bytes_per_s = 0;   // 0: no limit
  std::int64_t stall_at = -1;     // passes nothing on from there, keeps both sockets
  std::int64_t cut_at = -1;       // closes both sockets
  std::int64_t reset_at = -1;     // the same by RST
  std::int64_t truncate_at = -1;  // ends this direction (FIN) and goes on with the other
  std::int64_t flip_at = -1;      // a random bit of that byte
};

// "delay=50,jitter=10,rate=32000,stall=N,cut=N,reset=N,truncate=N,flip=N"; kInvalid.
Result<Faults> parse_faults(const std::string& text);

struct ProxyFaults {
  Faults up;                      // from the client to the target
  Faults down;                    // back
  bool half_open = false;         // accepts, connects and passes nothing
  std::int64_t connections = -1;  // only the first so many suffer; below 0: all
};

// Listens on 127.0.0.1. Two threads a connection. Thread-safe.
class FaultProxy {
 public:
  // kChecks that it can listen. The same seed gives the same jitter and bits to the n-th
  // connection.
  FaultProxy(std::string target_host, std::uint16_t target_port, std::uint64_t seed,
             std::uint16_t port = 0);
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  std::uint16_t port() const { return port_; }
  void set(const ProxyFaults& faults);  // for connections from now on
  void heal() { set({}); }
  void drop_all();  // RST to every connection there is

 private:
  struct Connection;
  void accept_all();
  void pump(Connection& c, bool up);
  void forward(Connection& c, bool up);
  bool send_all(const Connection& c, int to, const char* data, std::size_t size);
  bool pause(std::int64_t ms);  // false: stopping
  void end_all();

  const std::string target_host_;
  const std::uint16_t target_port_;
  const std::uint64_t seed_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  ProxyFaults faults_;
  std::uint32_t count_ = 0;  // connections since set()
  std::list<std::unique_ptr<Connection>> connections_;
  std::thread acceptor_;
};

}  // namespace fedqat
