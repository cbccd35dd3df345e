// The listening socket of a TlsServer: accepts, applies the caps, deals the sockets to the workers.
// For the .cc files of this folder.
#pragma once

#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <vector>

#include "common/net/server_worker.h"

namespace fedqat {

class ServerListener {
 public:
  // Bound, not yet accepting. kInvalid, kUnavailable, kIo.
  static Result<std::unique_ptr<ServerListener>> open(ServerCore& core,
                                                      std::vector<ServerWorker*> workers);
  ServerListener(ServerCore& core, std::vector<ServerWorker*> workers, int fd, std::uint16_t port);

  std::uint16_t port() const { return port_; }
  // On the first worker's thread, or before it runs:
  void accept_when_ready();
  void close();

 private:
  void accept_some();
  void admit(int fd);
  void pause();
  bool take_token();

  ServerCore& core_;
  const std::vector<ServerWorker*> workers_;
  asio::posix::stream_descriptor socket_;
  asio::steady_timer timer_;
  const std::uint16_t port_;
  std::size_t next_worker_ = 0;
  double tokens_ = 0;
  std::int64_t tokens_ms_ = 0;
};

}  // namespace fedqat
