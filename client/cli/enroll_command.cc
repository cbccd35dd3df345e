#include <algorithm>
#include <cstdio>
#include <ctime>
#include <iostream>

#include "client/cli/commands.h"
#include "client/cli/place.h"
#include "client/device/credentials.h"
#include "common/cli/exit_code.h"
#include "common/net/tls_transport.h"

namespace fedqat {

int enroll_command(const EnrollOptions& options, Fs& fs) {
  const auto place = parse_place(options.server);
  if (!place) return complain(at("--server", place.error()));
  std::string text = options.token;
  if (text == "-") std::getline(std::cin, text);
  const auto token = parse_enrollment_token(text);
  if (!token) return complain(at("--token", token.error()));
  auto state = StateDir::open(fs, options.state);
  if (!state) return complain(state.error());
  if (state->enrolled()) {
    const auto identity = state->identity();
    if (!identity) return complain(identity.error());
    return complain(
        {Errc::kRejected, options.state.string() + ": this device is enrolled already, as " +
                              identity->profile.device_name + " at " + identity->profile.address +
                              "; use another --state, or remove that folder to enroll anew"});
  }
  const auto context = TlsContext::client_pinned(token->ca_sha256);
  if (!context) return complain(context.error());
  TlsTransportOptions to;
  to.host = place->host;
  to.port = place->port;
  to.server_name = options.name;
  TlsTransport transport(std::move(to), *context);
  const auto profile =
      enroll_device(*state, transport, *token, {place->host, options.port, options.name});
  if (!profile) return complain(profile.error());
  std::printf("enrolled as %s (number %llu) at %s\n", profile->device_name.c_str(),
              static_cast<unsigned long long>(profile->device_number), profile->address.c_str());
  return kExitOk;
}

}  // namespace fedqat
