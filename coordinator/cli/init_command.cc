#include <cstdio>

#include "common/base/clock.h"
#include "common/cli/exit_code.h"
#include "coordinator/cli/commands.h"
#include "coordinator/serve/server_identity.h"

namespace fedqat {

int init_command(const InitOptions& options) {
  const auto paths = make_state_dir(options.state.dir);
  if (!paths) return complain(paths.error());
  const auto ca = make_server_identity(*paths, {options.name, options.names, unix_now_s()});
  if (!ca) return complain(ca.error());
  const std::string print = to_hex(ca->sha256());
  const char* dir = options.state.dir.c_str();
  if (options.state.json) {
    std::printf("{\"state\":\"%s\",\"authority_sha256\":\"%s\"}\n", dir, print.c_str());
    return kExitOk;
  }
  std::printf(
      "made %s: authority %s, valid 10 years, its key and others readable by you alone\n"
      "keep a copy of ca.key where only you can read it: without it no device can be added\n"
      "next:\n"
      "  fedqat-coordinator enroll --state %s --server %s:7444 DEVICE\n"
      "  fedqat-coordinator serve --state %s CONFIG\n",
      dir, print.c_str(), dir, options.names.front().c_str(), dir);
  return kExitOk;
}

}  // namespace fedqat
