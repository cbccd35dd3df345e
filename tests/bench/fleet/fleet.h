// Devices as TLS connections of one thread: they send frames and take the replies. Whatever fails
// ends the process: a benchmark has no use for half a fleet.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/net/tls_context.h"
#include "common/wire/messages.h"
#include "tests/bench/fleet/identities.h"

namespace fedqat {

// A connection that sends one frame after another and takes the reply to each.
struct Device {
  int fd = -1;
  SSL* ssl = nullptr;
  std::vector<const Bytes*> todo;  // frames, last first
  std::size_t sent = 0;
  Bytes in;
  std::size_t have = 0;
  bool done = true;         // nothing is under way
  double not_before_s = 0;  // told to wait until then (now_s())
  Reply last;
};

class Fleet {
 public:
  // A device an identity, all for the coordinator at 127.0.0.1:`port`.
  Fleet(const std::vector<Identity>& identities, const std::string& ca_pem, std::uint16_t port);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // Every device connects and sends `frame`; at most `at_once` handshakes are under way.
  void connect_all(const Bytes& frame, std::size_t at_once);

  // Devices first to last - 1 send the frames, in order, each after the reply to the one before; at
  // most `at_once` of them are under way. Who is told that the server is busy waits as it is told.
  void send(std::size_t first, std::size_t last, const std::vector<const Bytes*>& frames,
            std::size_t at_once);
  std::size_t busy() const { return busy_; }  // replies to the last send() that said so

  const std::vector<Device>& devices() const { return devices_; }

 private:
  template <class Begin>
  void all(std::size_t first, std::size_t last, std::size_t at_once, Begin&& begin);
  void open(std::size_t i);
  void poll();
  void drive(std::size_t i);
  void finish(std::size_t i);

  std::uint16_t port_;
  int epoll_;
  std::vector<TlsContext> contexts_;
  std::vector<Device> devices_;
  std::size_t left_ = 0;              // devices that are not done
  std::vector<std::size_t> waiting_;  // of them, those with not_before_s
  std::size_t busy_ = 0;
};

}  // namespace fedqat
