// Who may come in: devices by their keys, and the certificates they get.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/crypto/authority.h"
#include "common/wire/config.pb.h"
#include "common/wire/messages.h"
#include "coordinator/round.h"
#include "coordinator/state/audit_log.h"
#include "coordinator/state/registry.h"
#include "coordinator/state/state_dir.h"

namespace fedqat {

// Not thread-safe: the core loop owns it. Everything it answers is durable.
class FrontDesk {
 public:
  // `audit` must outlive this. Codes of Registry and Certificate; kNotFound: no authority in the
  // state folder, `fedqat-coordinator init` makes one.
  static Result<FrontDesk> open(const StatePaths& paths, const wire::DeployConfig& config,
                                AuditLog& audit);

  // The number of an admitted device. Nothing: unknown or revoked.
  std::optional<ClientId> find(const Digest& public_key, std::int64_t now_s);
  // A device gets its certificate for a token, or a new one in place of its old.
  Reply enroll(const Enroll& request, std::string_view address, std::int64_t now_s);
  Reply renew(ClientId who, const Renew& request, std::int64_t now_s);

  struct Changes {
    bool any = false;
    std::vector<ClientId> revoked;
    std::vector<ClientId> quarantined;
    std::vector<ClientId> released;
  };
  // What a command line changed since the last call, and when devices were last seen.
  Result<Changes> refresh(std::int64_t now_s);
  Result<void> quarantine(ClientId who);
  void set_device_port(std::uint16_t port) { device_port_ = port; }  // that new devices are told
  void set_certificate_days(std::uint32_t days);                     // of those issued from now on

  std::uint32_t devices() const { return static_cast<std::uint32_t>(devices_.size()); }
  std::uint32_t revoked() const;
  std::vector<ClientId> barred() const;  // revoked or quarantined
  std::string name_of(ClientId who) const;
  std::set<Digest> revoked_keys() const;

 private:
  FrontDesk(Registry registry, Certificate ca, PrivateKey ca_key, Bytes authorities,
            Bytes manifest_key, std::uint32_t days, AuditLog& audit);
  Result<void> load();
  Result<Enrolled> issue(const Device& device, ByteView csr, std::int64_t now_s);

  Registry registry_;
  Certificate ca_;
  PrivateKey ca_key_;
  Bytes authorities_;
  Bytes manifest_key_;  // public
  std::int64_t certificate_s_;
  std::uint16_t device_port_ = 0;
  AuditLog* audit_;
  std::map<ClientId, Device> devices_;
  std::map<Digest, ClientId> keys_;
  std::map<ClientId, std::int64_t> seen_;  // not yet written
  std::int64_t seen_written_s_ = 0;
};

}  // namespace fedqat
