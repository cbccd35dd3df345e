#include "common/net/server_worker.h"

#include <unistd.h>

#include <chrono>
#include <utility>
#include <vector>

#include "common/net/server_connection.h"

namespace fedqat {
namespace {
constexpr auto kSweepEvery = std::chrono::milliseconds(250);
}  // namespace

std::int64_t steady_now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

ServerWorker::ServerWorker(ServerCore& core, std::uint64_t index, std::uint64_t workers)
    : core_(core), next_id_(index + workers), id_step_(workers) {}

ServerWorker::~ServerWorker() = default;

void ServerWorker::start() {
  sweep();
  thread_ = std::thread([this] { run(); });
}

void ServerWorker::run() {
  for (;;) {
    try {
      io_.run();
      return;
    } catch (const std::exception&) {  // no memory: one connection stands still until its deadline
      core_.count(&ServerStats::handler_failures);
    }
  }
}

std::shared_ptr<ServerConnection> ServerWorker::find(ConnectionId id) {
  const auto it = connections_.find(id);
  return it == connections_.end() ? nullptr : it->second;
}

void ServerWorker::adopt(Accepted accepted) {
  asio::post(io_, [this, a = std::move(accepted)]() mutable { open(std::move(a)); });
}

void ServerWorker::open(Accepted accepted) {
  const ConnectionId id = std::exchange(next_id_, next_id_ + id_step_);
  const std::uint64_t source = accepted.source;
  const int fd = accepted.fd;
  auto connection = closed_ ? nullptr : ServerConnection::make(*this, id, std::move(accepted));
  if (connection == nullptr) {
    ::close(fd);
    core_.admission.leave(source, false);
    return;
  }
  connections_.emplace(id, connection);
  connection->drive();
}

void ServerWorker::reply(ConnectionId id, Bytes frame, bool then_close) {
  core_.budget.reply_made(frame.size());
  // dispatch: a reply from inside the handler needs no trip through the queue.
  asio::dispatch(io_, [this, id, f = std::move(frame), then_close]() mutable {
    const std::size_t size = f.size();
    const auto connection = find(id);
    if (connection == nullptr || !connection->reply(std::move(f), then_close)) {
      core_.budget.reply_gone(size);
    }
  });
}

void ServerWorker::grant(ConnectionId id, std::size_t bytes) {
  asio::post(io_, [this, id, bytes] {
    const auto connection = find(id);
    if (connection == nullptr) {
      core_.budget.release(bytes);
    } else {
      connection->granted(bytes);
    }
  });
}

void ServerWorker::close_if(std::function<bool(const Peer&)> cut) {
  asio::post(io_, [this, cut = std::move(cut)] {
    std::vector<std::shared_ptr<ServerConnection>> doomed;
    for (const auto& [id, connection] : connections_) {
      if (connection->authenticated() && cut(connection->peer())) doomed.push_back(connection);
    }
    for (const auto& connection : doomed) connection->close();
    core_.count(&ServerStats::cut, doomed.size());
  });
}

void ServerWorker::close_all() {
  asio::post(io_, [this] {
    closed_ = true;
    const auto all = connections_;
    for (const auto& [id, connection] : all) connection->close();
  });
}

void ServerWorker::stop() {
  asio::post(io_, [this] { sweep_timer_.cancel(); });
  work_.reset();
  if (thread_.joinable()) thread_.join();
}

void ServerWorker::sweep() {
  const std::int64_t now_ms = steady_now_ms();
  std::vector<std::shared_ptr<ServerConnection>> late;
  for (const auto& [id, connection] : connections_) {
    if (connection->is_late(now_ms)) late.push_back(connection);
  }
  for (const auto& connection : late) connection->close();
  if (closed_) return;
  sweep_timer_.expires_after(kSweepEvery);
  sweep_timer_.async_wait([this](asio::error_code e) {
    if (!e) sweep();
  });
}

}  // namespace fedqat
