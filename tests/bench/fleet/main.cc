// A fleet of devices against a real fedqat-coordinator process: new connections a second, memory of
// idle ones, and how fast a round's updates come in. The devices do not train; their updates are
// valid and say nothing.
//
//   bench_fleet COORDINATOR [--devices N] [--hidden H] [--float] [--memory-mb M] [--rounds R]
//     [--durability full|relaxed|rounds] [--at-once K]
//
// One client thread, the server has the rest of the machine. An update has about 74 H parameters.
// The N devices send when it is their turn, at most K at the same time; one more then ends the
// round, which is timed by itself.
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "common/base/check.h"
#include "common/base/fs.h"
#include "common/nn/graph.h"
#include "common/nn/model_spec.h"
#include "common/wire/messages.h"
#include "coordinator/state/state_dir.h"
#include "tests/bench/fleet/fleet.h"
#include "tests/bench/fleet/identities.h"
#include "tests/bench/fleet/raw_tls_rate.h"
#include "tests/bench/fleet/server_process.h"
#include "tests/bench/fleet/stopwatch.h"
#include "tests/bench/fleet/updates.h"
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
  int at_once = 32;
};

// A round takes all devices and the one that ends it.
std::string config_text(const Options& o) {
  std::ostringstream s;
  const int clients = o.devices + 1;
  s << "[run]\nname = \"fleet\"\nrounds = 8\n[model]\nname = \"mlp-" << o.hidden
    << "\"\n[partition]\nclients = " << clients
    << "\n[quant]\nwarmup_rounds = 6\n[codec]\nuplink_bits = " << (o.fp32 ? 32 : 8)
    << "\n[round]\nclients = " << clients
    << "\nmax_samples = 64\n[deploy]\nport = 0\nenroll_port = 0\nops_port = 0\n"
    << "address = \"127.0.0.1\"\nmax_per_address = 100000\n"
    << "memory_limit_mb = " << o.memory_mb << "\ndurability = \"" << o.durability << "\"\n";
  return s.str();
}

// Connects the whole fleet; returns the server's usage once it is idle.
Usage connect_fleet(Fleet& fleet, const Bytes& check_in, pid_t server) {
  const auto devices = static_cast<double>(fleet.devices().size());
  const Usage empty = usage_of(server);
  const double start = now_s();
  fleet.connect_all(check_in, 64);
  const double took = now_s() - start;
  const Usage connected = usage_of(server);
  std::printf("connect + first request: %.0f /s (server CPU %.2f ms each)\n", devices / took,
              (connected.cpu_s - empty.cpu_s) * 1000 / devices);
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const Usage idle = usage_of(server);
  std::printf("idle: %.1f KiB a connection (RSS %.1f -> %.1f MiB)\n",
              (idle.rss_mib - empty.rss_mib) * 1024 / devices, empty.rss_mib, idle.rss_mib);
  return idle;
}

// Every device uploads its update for the task it has; the last one when all others are done.
void play_round(Fleet& fleet, std::uint32_t round, const Graph& graph, double raw_rate,
                pid_t server, double idle_rss_mib, std::size_t at_once) {
  const auto* task = std::get_if<Task>(&fleet.devices().front().last.body);
  FEDQAT_CHECK(task != nullptr);
  FEDQAT_CHECK(task->round == round);
  const auto frames = update_frames(*task, graph);
  std::vector<const Bytes*> list;
  double bytes = 0;
  for (const Bytes& f : frames) {
    list.push_back(&f);
    bytes += static_cast<double>(f.size());
  }
  const std::size_t all = fleet.devices().size() - 1;
  const auto devices = static_cast<double>(all);
  const Usage before = usage_of(server), own_before = usage_of(::getpid());
  const double start = now_s();
  fleet.send(0, all, list, at_once);
  const double took = now_s() - start;
  const Usage after = usage_of(server), own_after = usage_of(::getpid());
  const std::size_t busy = fleet.busy();
  fleet.send(all, all + 1, list, 1);
  const double closed = now_s() - start - took;
  const auto* ack = std::get_if<Ack>(&fleet.devices().back().last.body);
  FEDQAT_CHECK(ack != nullptr && ack->complete);
  const double rate = bytes * devices / took / 1e6;
  std::printf(
      "round %u: %.0f updates of %.0f KiB in %.3f s: %.0f MB/s (%.2f of raw OpenSSL's %.0f), "
      "%.0f updates/s, server CPU %.3f ms each, client %.3f, peak RSS %.1f MiB (idle + %.1f), "
      "%zu told to wait, closed in %.0f ms\n",
      round, devices, bytes / 1024, took, rate, rate / raw_rate, raw_rate, devices / took,
      (after.cpu_s - before.cpu_s) * 1000 / devices,
      (own_after.cpu_s - own_before.cpu_s) * 1000 / devices, after.peak_mib,
      after.peak_mib - idle_rss_mib, busy, closed * 1000);
}

int run(const Options& o) {
  const rlimit files{65536, 65536};
  ::setrlimit(RLIMIT_NOFILE, &files);
  const TempDir dir;
  const std::string state = (dir.path() / "state").string();
  const std::string config = (dir.path() / "fleet.toml").string();
  std::ofstream(config) << config_text(o);
  FEDQAT_CHECK(run_to_end({o.coordinator, "init", "--state", state, "--name", "localhost"}) == 0);
  const StatePaths paths{state};
  double start = now_s();
  const auto identities = enroll(paths, o.devices + 1);
  std::printf("%d devices enrolled in %.1f s\n", o.devices, now_s() - start);
  const std::string log = (dir.path() / "log").string();
  const pid_t server = launch({o.coordinator, "serve", "--state", state, config}, log);
  const std::uint16_t port = read_port(paths);

  Fleet fleet(identities, std::string(as_text(*make_posix_fs()->read(paths.ca_cert()))), port);
  const Bytes check_in = encode_request(CheckIn{});
  const Usage idle = connect_fleet(fleet, check_in, server);
  const auto spec = model_from_zoo("mlp-" + std::to_string(o.hidden), {8, 8, 1}, 10);
  FEDQAT_CHECK(spec);
  const auto graph = build_graph(*spec, QuantSpec{});
  FEDQAT_CHECK(graph);
  for (int round = 1; round <= o.rounds; ++round) {
    if (round > 1) fleet.send(0, identities.size(), {&check_in}, identities.size());
    const double raw = raw_mb_per_s(paths, identities.front(), 500);
    play_round(fleet, static_cast<std::uint32_t>(round), *graph, raw, server, idle.rss_mib,
               static_cast<std::size_t>(o.at_once));
  }
  ::kill(server, SIGTERM);
  start = now_s();
  int status = 0;
  ::waitpid(server, &status, 0);
  std::printf("SIGTERM with %d devices connected: exit %d after %.2f s\n", o.devices,
              WEXITSTATUS(status), now_s() - start);
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
    } else if (word == "--at-once") {
      o.at_once = number();
    } else if (word == "--float") {
      o.fp32 = true;
    } else if (word == "--durability") {
      o.durability = i + 1 < argc ? argv[++i] : "";
    } else {
      o.coordinator = word;
    }
  }
  if (o.coordinator.empty() || o.devices < 1 || o.at_once < 1) {
    std::fprintf(stderr,
                 "usage: bench_fleet COORDINATOR [--devices N] [--hidden H] [--float] "
                 "[--memory-mb M] [--rounds R] [--durability full|relaxed|rounds] [--at-once K]\n");
    return 2;
  }
  return fedqat::run(o);
}
