#include "coordinator/serve/ops_server.h"

#include <httplib.h>

#include <thread>

namespace fedqat {
namespace {

constexpr int kThreads = 2;
constexpr int kTimeoutS = 5;

// A page of another site must not read this one through a browser (DNS rebinding).
bool local_host(const httplib::Request& request) {
  const std::string host = request.get_header_value("Host");
  return host.starts_with("127.0.0.1") || host.starts_with("localhost") || host.empty();
}

}  // namespace

struct OpsServer::Impl {
  httplib::Server server;
  std::thread thread;
  int port = 0;
};

OpsServer::OpsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

OpsServer::~OpsServer() {
  impl_->server.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

std::uint16_t OpsServer::port() const { return static_cast<std::uint16_t>(impl_->port); }

Result<std::unique_ptr<OpsServer>> OpsServer::start(std::uint16_t port, OpsPages pages) {
  auto impl = std::make_unique<Impl>();
  httplib::Server& s = impl->server;
  s.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };  // httplib owns it
  s.set_read_timeout(kTimeoutS);
  s.set_write_timeout(kTimeoutS);
  s.set_payload_max_length(1024);
  s.set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
    response.set_header("X-Content-Type-Options", "nosniff");
    response.set_header("Content-Security-Policy", "default-src 'none'");
    response.set_header("Cache-Control", "no-store");
    if (local_host(request) && (request.method == "GET" || request.method == "HEAD")) {
      return httplib::Server::HandlerResponse::Unhandled;
    }
    response.status = local_host(request) ? 405 : 403;
    return httplib::Server::HandlerResponse::Handled;
  });
  const auto answer = [](httplib::Response& response, bool good) {
    response.status = good ? 200 : 503;
    response.set_content(good ? "ok\n" : "no\n", "text/plain");
  };
  s.Get("/healthz", [=](const httplib::Request&, httplib::Response& response) {
    answer(response, pages.healthy());
  });
  s.Get("/readyz", [=](const httplib::Request&, httplib::Response& response) {
    answer(response, pages.ready());
  });
  s.Get("/metrics", [=](const httplib::Request&, httplib::Response& response) {
    response.set_content(pages.metrics(), "text/plain; version=0.0.4");
  });
  s.Get("/status", [=](const httplib::Request&, httplib::Response& response) {
    response.set_content(pages.status(), "application/json");
  });
  impl->port =
      port == 0 ? s.bind_to_any_port("127.0.0.1") : (s.bind_to_port("127.0.0.1", port) ? port : -1);
  if (impl->port < 0) {
    return Error{Errc::kUnavailable, "port " + std::to_string(port) +
                                         " on 127.0.0.1 is taken; set deploy.ops_port to another"};
  }
  impl->thread = std::thread([&s] { s.listen_after_bind(); });
  return std::unique_ptr<OpsServer>(new OpsServer(std::move(impl)));
}

}  // namespace fedqat
