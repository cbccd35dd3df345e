// The server's own keys and certificate, in the state folder.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/crypto/certificate.h"
#include "common/net/tls_context.h"
#include "coordinator/serve/json_log.h"
#include "coordinator/state/state_dir.h"

namespace fedqat {

Result<PrivateKey> read_key(const std::filesystem::path& path);

struct NewAuthority {
  std::string name;                // of the authority
  std::vector<std::string> names;  // host names and addresses under which devices reach the server
  std::int64_t now_s = 0;
};
// Fills a fresh state folder: authority (10 years), server certificate (397 days), manifest key;
// keys are 0600. kInvalid: there is an authority already, or was, or a name is none. Returns the
// authority's certificate.
Result<Certificate> make_server_identity(const StatePaths& paths, const NewAuthority& authority);

struct ServerIdentity {
  TlsContext devices;
  TlsContext enrolment;
};
// Reads it; at two thirds of its life the certificate is renewed first, for the same names.
// kNotFound: `fedqat-coordinator init` was not called.
Result<ServerIdentity> load_server_identity(const StatePaths& paths, JsonLog& log);

}  // namespace fedqat
