#include "tests/bench/fleet/identities.h"

#include <cstdint>
#include <ctime>
#include <string>

#include "common/base/check.h"
#include "common/base/fs.h"
#include "common/crypto/authority.h"
#include "coordinator/state/registry.h"

namespace fedqat {

TlsIdentity Identity::tls() const {
  return {std::string(as_text(certificate.to_pem())), std::string(as_text(key.to_pem()))};
}

std::vector<Identity> enroll(const StatePaths& paths, int devices) {
  const auto fs = make_posix_fs();
  const auto ca = Certificate::from_pem(*fs->read(paths.ca_cert()));
  const auto ca_key = PrivateKey::from_pem(*fs->read(paths.ca_key()));
  FEDQAT_CHECK(ca && ca_key);
  auto registry = Registry::open(paths.registry());
  FEDQAT_CHECK(registry);
  std::vector<Identity> all;
  const std::int64_t now = ::time(nullptr);
  for (int i = 0; i < devices; ++i) {
    const PrivateKey key = PrivateKey::make_p256();
    const std::string name = "device-" + std::to_string(i);
    const auto certificate =
        sign_csr(*ca, *ca_key, *make_csr(key, name),
                 {name, CertificateProfile::Purpose::kClient, {}, {now - 600, now + 86400}});
    FEDQAT_CHECK(certificate);
    FEDQAT_CHECK(registry->add_token(name, name, now + 3600));
    const auto device = registry->redeem(name, key.public_sha256(), now);
    FEDQAT_CHECK(device);
    FEDQAT_CHECK(registry->add_key(
        device->number, {key.public_sha256(), certificate->serial(), certificate->not_after_s()}));
    all.push_back({key, *certificate});
  }
  return all;
}

}  // namespace fedqat
