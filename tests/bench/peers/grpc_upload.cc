// How fast gRPC takes uploads over mutual TLS 1.3 on loopback, for scripts/bench-uploads.sh: the
// server is a process of its own and only adds the sizes of what it gets.
//
//   bench_grpc_upload unary|stream [--bytes B] [--clients K] [--seconds S]
//
// K clients, each a thread with a connection of its own, send messages of B bytes for S seconds:
// one call for each (unary), or all in one call (stream). Prints "MESSAGES/s MB/s", by what the
// server says that it got, until its last answer.
#include <grpcpp/grpcpp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/check.h"
#include "tests/bench/peers/grpc_upload.grpc.pb.h"
#include "tests/support/certificates.h"

namespace fedqat {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  bool stream = false;
  std::size_t bytes = 100000;
  int clients = 8;
  double seconds = 2;
};

class Uploads final : public bench::Uploads::Service {
  grpc::Status Put(grpc::ServerContext* /*context*/, const bench::Update* update,
                   bench::Sum* sum) override {
    sum->set_bytes(update->payload().size());
    return grpc::Status::OK;
  }
  grpc::Status Stream(grpc::ServerContext* /*context*/, grpc::ServerReader<bench::Update>* updates,
                      bench::Sum* sum) override {
    std::uint64_t bytes = 0;
    for (bench::Update update; updates->Read(&update);) bytes += update.payload().size();
    sum->set_bytes(bytes);
    return grpc::Status::OK;
  }
};

// Writes its port to `out` and serves until it is killed.
[[noreturn]] void serve(const TestPki& pki, int out) {
  grpc::SslServerCredentialsOptions tls(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = pki.ca.pem;
  tls.pem_key_cert_pairs.push_back({pki.server.key_pem, pki.server.pem});
  Uploads service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), &port);
  builder.RegisterService(&service);
  builder.SetMaxReceiveMessageSize(-1);
  const auto server = builder.BuildAndStart();
  FEDQAT_CHECK(server != nullptr);
  FEDQAT_CHECK(::write(out, &port, sizeof port) == sizeof port);
  server->Wait();
  std::exit(0);
}

std::shared_ptr<grpc::Channel> connect(const TestPki& pki, int port) {
  const grpc::SslCredentialsOptions tls{pki.ca.pem, pki.client.key_pem, pki.client.pem};
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride("localhost");
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // else all share one connection
  auto channel = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                           grpc::SslCredentials(tls), arguments);
  FEDQAT_CHECK(
      channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10)));
  return channel;
}

// Sends until `stop`; returns how many bytes the server got.
std::uint64_t upload(bench::Uploads::Stub& stub, const Options& o, const std::atomic<bool>& stop) {
  bench::Update update;
  update.set_payload(std::string(o.bytes, 'x'));
  std::uint64_t total = 0;
  bench::Sum sum;
  if (o.stream) {
    grpc::ClientContext context;
    const auto writer = stub.Stream(&context, &sum);
    while (!stop) FEDQAT_CHECK(writer->Write(update));
    writer->WritesDone();
    FEDQAT_CHECK(writer->Finish().ok());
    return sum.bytes();
  }
  while (!stop) {
    grpc::ClientContext context;
    FEDQAT_CHECK(stub.Put(&context, update, &sum).ok());
    total += sum.bytes();
  }
  return total;
}

int run(const Options& o) {
  const TestPki pki;
  int ends[2];
  FEDQAT_CHECK(::pipe(ends) == 0);
  const pid_t server = ::fork();  // before gRPC has threads
  if (server == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    serve(pki, ends[1]);
  }
  int port = 0;
  FEDQAT_CHECK(::read(ends[0], &port, sizeof port) == sizeof port);
  std::vector<std::unique_ptr<bench::Uploads::Stub>> stubs;
  for (int i = 0; i < o.clients; ++i) stubs.push_back(bench::Uploads::NewStub(connect(pki, port)));

  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> bytes = 0;
  const auto start = Clock::now();
  std::vector<std::thread> clients;
  for (const auto& stub : stubs) clients.emplace_back([&] { bytes += upload(*stub, o, stop); });
  std::this_thread::sleep_for(std::chrono::duration<double>(o.seconds));
  stop = true;
  for (std::thread& client : clients) client.join();
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  const double rate = static_cast<double>(bytes) / took;
  std::printf("%.1f /s %.1f MB/s\n", rate / static_cast<double>(o.bytes), rate / 1e6);
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
  return 0;
}

}  // namespace
}  // namespace fedqat

int main(int argc, char** argv) {
  fedqat::Options o;
  bool known = argc >= 2 && argc % 2 == 0;
  for (int i = 2; known && i + 1 < argc; i += 2) {
    const std::string word = argv[i];
    if (word == "--bytes") {
      o.bytes = std::strtoul(argv[i + 1], nullptr, 10);
    } else if (word == "--clients") {
      o.clients = std::atoi(argv[i + 1]);
    } else if (word == "--seconds") {
      o.seconds = std::atof(argv[i + 1]);
    } else {
      known = false;
    }
  }
  const std::string kind = argc >= 2 ? argv[1] : "";
  o.stream = kind == "stream";
  if (!known || (!o.stream && kind != "unary") || o.bytes == 0 || o.clients < 1) {
    std::fprintf(stderr,
                 "usage: bench_grpc_upload unary|stream [--bytes B] [--clients K] [--seconds S]\n");
    return 2;
  }
  return fedqat::run(o);
}
