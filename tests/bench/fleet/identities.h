// Keys and certificates of the fleet's devices.
#pragma once

#include <vector>

#include "common/crypto/certificate.h"
#include "common/crypto/key.h"
#include "common/net/tls_context.h"
#include "coordinator/state/state_dir.h"

namespace fedqat {

struct Identity {
  PrivateKey key;
  Certificate certificate;
  TlsIdentity tls() const;
};

// Enrolls `devices` devices by the authority and registry of the state directory, past the server.
std::vector<Identity> enroll(const StatePaths& paths, int devices);

}  // namespace fedqat
