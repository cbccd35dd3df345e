#include "coordinator/serve/front_desk.h"

#include <optional>
#include <utility>

#include "common/base/fs.h"

namespace fedqat {
namespace {

constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kClockSkew = 600;   // a device's clock may be behind by so much
constexpr std::int64_t kSeenEvery = 30;    // seconds between writes of last_seen
constexpr std::uint32_t kRetryMs = 10000;  // after a failure of ours

Reply refuse(RefusalCode code, std::string text) {
  return {code == RefusalCode::kBusy ? kRetryMs : 0, Refusal{code, std::move(text)}};
}

}  // namespace

FrontDesk::FrontDesk(Registry registry, Certificate ca, PrivateKey ca_key, Bytes authorities,
                     Bytes manifest_key, std::uint32_t days, AuditLog& audit)
    : registry_(std::move(registry)),
      ca_(std::move(ca)),
      ca_key_(std::move(ca_key)),
      authorities_(std::move(authorities)),
      manifest_key_(std::move(manifest_key)),
      certificate_s_(days * kDay),
      audit_(&audit) {}

Result<FrontDesk> FrontDesk::open(const StatePaths& paths, const wire::DeployConfig& config,
                                  AuditLog& audit) {
  const auto fs = make_posix_fs();
  const auto ca_pem = fs->read(paths.ca_cert());
  if (!ca_pem) return ca_pem.error();
  auto ca = Certificate::from_pem(*ca_pem);
  if (!ca) return at(paths.ca_cert().string(), ca.error());
  const auto key_pem = fs->read(paths.ca_key());
  if (!key_pem) return key_pem.error();
  auto key = PrivateKey::from_pem(*key_pem);
  if (!key) return at(paths.ca_key().string(), key.error());
  const auto manifest_pem = fs->read(paths.manifest_key());
  if (!manifest_pem) return manifest_pem.error();
  const auto manifest_key = PrivateKey::from_pem(*manifest_pem);
  if (!manifest_key) return at(paths.manifest_key().string(), manifest_key.error());
  auto registry = Registry::open(paths.registry());
  if (!registry) return registry.error();
  FrontDesk desk(std::move(*registry), std::move(*ca), std::move(*key), *ca_pem,
                 manifest_key->public_key_raw(), config.certificate_days(), audit);
  if (auto ok = desk.load(); !ok) return ok.error();
  return desk;
}

Result<void> FrontDesk::load() {
  auto list = registry_.list();
  if (!list) return list.error();
  devices_.clear();
  keys_.clear();
  for (Device& device : *list) {
    auto keys = registry_.keys(device.number);
    if (!keys) return keys.error();
    for (const DeviceKey& key : *keys) keys_[key.public_key] = device.number;
    devices_[device.number] = std::move(device);
  }
  auto changed = registry_.changed();  // what was read is known
  if (!changed) return changed.error();
  return {};
}

std::optional<ClientId> FrontDesk::find(const Digest& public_key, std::int64_t now_s) {
  const auto key = keys_.find(public_key);
  if (key == keys_.end()) return std::nullopt;
  const Device& device = devices_.at(key->second);
  if (device.revoked_s) return std::nullopt;
  seen_[device.number] = now_s;
  return device.number;
}

Result<Enrolled> FrontDesk::issue(const Device& device, ByteView csr, std::int64_t now_s) {
  const CertificateProfile profile{device.name,
                                   CertificateProfile::Purpose::kClient,
                                   {},
                                   {now_s - kClockSkew, now_s + certificate_s_}};
  auto certificate = sign_csr(ca_, ca_key_, csr, profile);
  if (!certificate) return certificate.error();
  const DeviceKey key{certificate->public_key_sha256(), certificate->serial(),
                      certificate->not_after_s()};
  if (auto ok = registry_.add_key(device.number, key); !ok) return ok.error();
  devices_[device.number] = device;
  keys_[key.public_key] = device.number;
  return Enrolled{device.name,  device.number, certificate->to_pem(),
                  authorities_, manifest_key_, device_port_};
}

Reply FrontDesk::enroll(const Enroll& request, std::string_view address, std::int64_t now_s) {
  // Signed once only to check the request and to learn its key: nobody sees this certificate.
  const CertificateProfile probe{
      "probe", CertificateProfile::Purpose::kClient, {}, {now_s, now_s + 1}};
  const auto probed = sign_csr(ca_, ca_key_, request.csr_pem, probe);
  if (!probed) return refuse(RefusalCode::kMalformed, probed.error().what);
  const auto device = registry_.redeem(as_text(request.secret), probed->public_key_sha256(), now_s);
  if (!device) {
    const bool rejected = device.error().code == Errc::kRejected;
    (void)audit_->append(now_s, "enroll_refused",
                         {{"address", address}, {"reason", device.error().what}});
    return refuse(rejected ? RefusalCode::kBadToken : RefusalCode::kBusy, device.error().what);
  }
  auto enrolled = issue(*device, request.csr_pem, now_s);
  if (!enrolled) return refuse(RefusalCode::kBusy, enrolled.error().what);
  (void)audit_->append(now_s, "enroll",
                       {{"device", device->name},
                        {"number", std::int64_t{device->number}},
                        {"address", address},
                        {"public_key", to_hex(probed->public_key_sha256())}});
  return {0, std::move(*enrolled)};
}

Reply FrontDesk::renew(ClientId who, const Renew& request, std::int64_t now_s) {
  const Device device = devices_.at(who);
  auto enrolled = issue(device, request.csr_pem, now_s);
  if (!enrolled) {
    const bool ours =
        enrolled.error().code == Errc::kIo || enrolled.error().code == Errc::kUnavailable;
    return refuse(ours ? RefusalCode::kBusy : RefusalCode::kMalformed, enrolled.error().what);
  }
  (void)audit_->append(now_s, "renew",
                       {{"device", device.name}, {"number", std::int64_t{device.number}}});
  return {0, std::move(*enrolled)};
}

Result<FrontDesk::Changes> FrontDesk::refresh(std::int64_t now_s) {
  Changes changes;
  if (!seen_.empty() && now_s >= seen_written_s_ + kSeenEvery) {
    std::vector<Seen> seen;
    for (const auto& [who, when] : seen_) seen.push_back({who, when});
    if (auto ok = registry_.set_seen(seen); !ok) return ok.error();
    seen_.clear();
    seen_written_s_ = now_s;
  }
  const auto changed = registry_.changed();
  if (!changed) return changed.error();
  if (!*changed) return changes;
  changes.any = true;
  const std::map<ClientId, Device> before = devices_;
  if (auto ok = load(); !ok) return ok.error();
  for (const auto& [who, device] : devices_) {
    const auto old = before.find(who);
    const bool was_revoked = old != before.end() && old->second.revoked_s;
    const bool was_quarantined = old != before.end() && old->second.quarantined;
    if (device.revoked_s && !was_revoked) {
      changes.revoked.push_back(who);
      (void)audit_->append(now_s, "revoke",
                           {{"device", device.name},
                            {"number", std::int64_t{who}},
                            {"reason", device.revoke_reason}});
    }
    if (device.quarantined && !was_quarantined) changes.quarantined.push_back(who);
    if (!device.quarantined && was_quarantined) {
      changes.released.push_back(who);
      (void)audit_->append(now_s, "release",
                           {{"device", device.name}, {"number", std::int64_t{who}}});
    }
  }
  return changes;
}

void FrontDesk::set_certificate_days(std::uint32_t days) { certificate_s_ = days * kDay; }

Result<void> FrontDesk::quarantine(ClientId who) {
  if (auto ok = registry_.set_quarantined(who, true); !ok) return ok;
  devices_.at(who).quarantined = true;
  return {};
}

std::uint32_t FrontDesk::revoked() const {
  std::uint32_t n = 0;
  for (const auto& [who, device] : devices_) n += device.revoked_s ? 1U : 0U;
  return n;
}

std::vector<ClientId> FrontDesk::barred() const {
  std::vector<ClientId> barred;
  for (const auto& [who, device] : devices_) {
    if (device.revoked_s || device.quarantined) barred.push_back(who);
  }
  return barred;
}

std::string FrontDesk::name_of(ClientId who) const {
  const auto device = devices_.find(who);
  return device == devices_.end() ? "#" + std::to_string(who) : device->second.name;
}

std::set<Digest> FrontDesk::revoked_keys() const {
  std::set<Digest> revoked;
  for (const auto& [key, who] : keys_) {
    if (devices_.at(who).revoked_s) revoked.insert(key);
  }
  return revoked;
}

}  // namespace fedqat
