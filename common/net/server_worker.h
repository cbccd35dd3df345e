// One I/O thread of a TlsServer and the connections that belong to it. For the .cc files of this
// folder.
#pragma once

#include <asio/dispatch.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>

#include "common/net/server_core.h"

namespace fedqat {

class ServerConnection;

std::int64_t steady_now_ms();

// A socket that was admitted.
struct Accepted {
  int fd;
  std::uint64_t source;  // for Admission
  std::string address;
};

class ServerWorker {
 public:
  // Ids of this worker's connections are `index` modulo `workers`.
  ServerWorker(ServerCore& core, std::uint64_t index, std::uint64_t workers);
  ~ServerWorker();

  void start();
  // From any thread:
  void adopt(Accepted accepted);
  void reply(ConnectionId id, Bytes frame, bool then_close);
  void grant(ConnectionId id, std::size_t bytes);
  void close_if(std::function<bool(const Peer&)> cut);
  void close_all();
  void stop();  // after close_all(); joins

  // From this worker's thread:
  void remove(ConnectionId id) { connections_.erase(id); }
  ServerCore& core() { return core_; }
  asio::io_context& io() { return io_; }

 private:
  std::shared_ptr<ServerConnection> find(ConnectionId id);
  void open(Accepted accepted);
  void sweep();
  void run();

  ServerCore& core_;
  std::uint64_t next_id_;
  const std::uint64_t id_step_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  asio::steady_timer sweep_timer_{io_};
  std::unordered_map<ConnectionId, std::shared_ptr<ServerConnection>> connections_;
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace fedqat
