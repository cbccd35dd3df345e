#include "common/net/tls_server.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <thread>
#include <utility>
#include <vector>

#include "common/net/server_listener.h"

namespace fedqat {

std::span<const ServerStatsField> server_stats_fields() {
#define FEDQAT_FIELD(name) \
  { #name, &ServerStats::name }
  static constexpr std::array kFields{
      std::to_array<ServerStatsField>({FEDQAT_FIELD(accepted),
                                       FEDQAT_FIELD(handshakes),
                                       FEDQAT_FIELD(failed_no_certificate),
                                       FEDQAT_FIELD(failed_certificate),
                                       FEDQAT_FIELD(failed_peer_refused),
                                       FEDQAT_FIELD(failed_protocol),
                                       FEDQAT_FIELD(failed_dropped),
                                       FEDQAT_FIELD(refused_connections),
                                       FEDQAT_FIELD(refused_per_address),
                                       FEDQAT_FIELD(refused_unauthenticated),
                                       FEDQAT_FIELD(refused_frames),
                                       FEDQAT_FIELD(accept_pauses),
                                       FEDQAT_FIELD(timeouts_handshake),
                                       FEDQAT_FIELD(timeouts_stall),
                                       FEDQAT_FIELD(timeouts_slow),
                                       FEDQAT_FIELD(timeouts_idle),
                                       FEDQAT_FIELD(cut),
                                       FEDQAT_FIELD(handler_failures),
                                       FEDQAT_FIELD(requests),
                                       FEDQAT_FIELD(replies),
                                       FEDQAT_FIELD(bytes_in),
                                       FEDQAT_FIELD(bytes_out),
                                       FEDQAT_FIELD(connections_now),
                                       FEDQAT_FIELD(unauthenticated_now),
                                       FEDQAT_FIELD(buffered_now),
                                       FEDQAT_FIELD(reply_bytes_now)})};
#undef FEDQAT_FIELD
  static_assert(sizeof(ServerStats) == kFields.size() * sizeof(std::uint64_t));
  return kFields;
}

struct TlsServer::Impl {
  Impl(const ServerOptions& options, const TlsContext& context, OnRequest on_request)
      : core(options, context, std::move(on_request)) {
    const auto n = static_cast<std::uint64_t>(options.threads);
    for (std::uint64_t i = 0; i < n; ++i) {
      workers.push_back(std::make_unique<ServerWorker>(core, i, n));
    }
  }

  ServerCore core;
  std::vector<std::unique_ptr<ServerWorker>> workers;
  std::unique_ptr<ServerListener> listener;
  bool stopped = false;
};

namespace {

Result<ServerOptions> checked(ServerOptions o, const TlsContext& context) {
  if (!context.is_server()) return Error{Errc::kInvalid, "TLS server: give a server's context"};
  if (o.threads == 0)
    o.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  if (o.threads < 0 || o.threads > 256) {
    return Error{Errc::kInvalid, "TLS server: threads must be from 0 to 256"};
  }
  if (o.max_frame < kFrameHeader || o.max_frame > (std::size_t{1} << 30)) {
    return Error{Errc::kInvalid, "TLS server: max_frame must be from 4 bytes to 1 GiB"};
  }
  // A whole largest frame with its receive buffer must fit seven eighths, a small one an eighth.
  const std::size_t least =
      std::max(std::size_t{512} << 10, (o.max_frame + (std::size_t{128} << 10)) / 7 * 8 + 8);
  if (o.memory_limit < least) {
    return Error{Errc::kInvalid, "TLS server: memory_limit must be at least " +
                                     std::to_string(least) + " bytes for frames of " +
                                     std::to_string(o.max_frame)};
  }
  return o;
}

}  // namespace

TlsServer::TlsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsServer::~TlsServer() { stop(); }

Result<std::unique_ptr<TlsServer>> TlsServer::start(const ServerOptions& options,
                                                    const TlsContext& context,
                                                    OnRequest on_request) {
  const auto usable = checked(options, context);
  if (!usable) return usable.error();
  std::signal(SIGPIPE, SIG_IGN);
  try {
    auto impl = std::make_unique<Impl>(*usable, context, std::move(on_request));
    std::vector<ServerWorker*> workers;
    for (const auto& w : impl->workers) workers.push_back(w.get());
    auto listener = ServerListener::open(impl->core, std::move(workers));
    if (!listener) return listener.error();
    impl->listener = std::move(*listener);
    impl->listener->accept_when_ready();
    std::unique_ptr<TlsServer> server(new TlsServer(std::move(impl)));
    for (const auto& w : server->impl_->workers) w->start();
    return server;
  } catch (const std::exception& e) {
    return Error{Errc::kIo, std::string("TLS server: ") + e.what() +
                                ": raise the limits on threads and open files"};
  }
}

std::uint16_t TlsServer::port() const { return impl_->listener->port(); }

void TlsServer::reply(ConnectionId id, Bytes frame, bool then_close) {
  impl_->workers[id % impl_->workers.size()]->reply(id, std::move(frame), then_close);
}

void TlsServer::close_if(const std::function<bool(const Peer&)>& cut) {
  for (const auto& w : impl_->workers) w->close_if(cut);
}

void TlsServer::reload(const TlsContext& context) { impl_->core.set_context(context); }

void TlsServer::stop_accepting() {
  asio::post(impl_->workers.front()->io(), [impl = impl_.get()] { impl->listener->close(); });
}

void TlsServer::stop() {
  if (std::exchange(impl_->stopped, true)) return;
  stop_accepting();
  for (const auto& w : impl_->workers) w->close_all();
  for (const auto& w : impl_->workers) w->stop();
}

ServerStats TlsServer::stats() const { return impl_->core.stats(); }

}  // namespace fedqat
