// A TCP proxy on 127.0.0.1 with faults, for shell tests. Prints its port, and runs until its
// standard input ends. A line on standard input sets faults for new connections:
//   up SPEC | down SPEC | half-open | heal | drop
#include "tests/support/fault_proxy.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

namespace {

using namespace fedqat;

int complain(const Error& e) {
  std::cerr << "fault_proxy: " << e.what << "\n";
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "TCP proxy with faults. SPEC: delay=MS,jitter=MS,rate=BYTES_PER_S,stall=N,cut=N,"
      "reset=N,truncate=N,flip=N, where N is an offset in bytes");
  std::string host = "127.0.0.1";
  std::uint16_t target_port = 0;
  std::uint16_t port = 0;
  std::uint64_t seed = 1;
  std::string up;
  std::string down;
  ProxyFaults faults;
  app.add_option("--target-host", host, "where to pass the bytes on");
  app.add_option("--target-port", target_port)->required();
  app.add_option("--port", port, "0: any that is free");
  app.add_option("--seed", seed, "of jitter and flipped bits");
  app.add_option("--up", up, "SPEC from the client to the target");
  app.add_option("--down", down, "SPEC back");
  app.add_flag("--half-open", faults.half_open, "pass nothing, keep the sockets");
  app.add_option("--connections", faults.connections, "only the first so many suffer");
  CLI11_PARSE(app, argc, argv);
  const auto parsed_up = parse_faults(up);
  const auto parsed_down = parse_faults(down);
  if (!parsed_up) return complain(parsed_up.error());
  if (!parsed_down) return complain(parsed_down.error());
  faults.up = *parsed_up;
  faults.down = *parsed_down;

  FaultProxy proxy(host, target_port, seed, port);
  proxy.set(faults);
  std::cout << proxy.port() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const auto space = line.find(' ');
    const std::string what = line.substr(0, space);
    const auto spec = parse_faults(space == std::string::npos ? "" : line.substr(space + 1));
    if (!spec) return complain(spec.error());
    if (what == "up") {
      faults.up = *spec;
    } else if (what == "down") {
      faults.down = *spec;
    } else if (what == "half-open") {
      faults.half_open = true;
    } else if (what == "heal") {
      faults = {};
    } else if (what == "drop") {
      proxy.drop_all();
    } else {
      return complain({Errc::kInvalid, "'" + line + "': give up, down, half-open, heal or drop"});
    }
    proxy.set(faults);
  }
}
