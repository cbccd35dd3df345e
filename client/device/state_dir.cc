#include "client/device/state_dir.h"

#include "client/device/state_file.h"
#include "common/base/failpoint.h"
#include "common/crypto/ed25519.h"
#include "common/crypto/random.h"
#include "common/wire/frame.h"
#include "common/wire/identity.pb.h"
#include "common/wire/message_fields.h"

namespace fedqat {
namespace {

constexpr std::string_view kMagic{"FEDQATD\0", 8};
constexpr const char* kKey = "identity.key";
constexpr const char* kCertificate = "identity.pem";
constexpr const char* kCa = "ca.pem";
constexpr const char* kProfile = "device.bin";
constexpr const char* kRemedy = "; enroll the device again, with an empty folder";

Error damaged(const std::filesystem::path& path, const Error& e) {
  return at(path.string(), {Errc::kCorrupt, e.what + kRemedy});
}

Result<DeviceProfile> decode_profile(ByteView file) {
  auto payload = open_state(kMagic, file);
  if (!payload) return payload.error();
  wire::DeviceProto p;
  if (auto ok = parse(*payload, p); !ok) return ok.error();
  if (p.manifest_key().size() != kEd25519PublicKeyBytes) {
    return Error{Errc::kCorrupt, "manifest_key is not 32 bytes"};
  }
  return DeviceProfile{p.address(), p.server_name(), bytes_of(p.manifest_key()), p.device_name(),
                       p.device_number()};
}

Bytes encode_profile(const DeviceProfile& profile) {
  wire::DeviceProto p;
  p.set_address(profile.address);
  p.set_server_name(profile.server_name);
  p.set_manifest_key(text_of(profile.manifest_key));
  p.set_device_name(profile.device_name);
  p.set_device_number(profile.device_number);
  return seal_state(kMagic, serialize(p));
}

}  // namespace

Result<StateDir> StateDir::open(Fs& fs, std::filesystem::path dir) {
  if (auto ok = fs.make_private_dir(dir); !ok) return ok.error();
  auto lock = FileLock::take(dir / "lock");
  if (!lock) return lock.error();
  return StateDir(fs, std::move(dir), std::move(*lock));
}

Result<StateDir> StateDir::look(Fs& fs, std::filesystem::path dir) {
  if (!fs.exists(dir)) {
    return Error{Errc::kNotFound, dir.string() + ": no such folder; enroll this device first"};
  }
  return StateDir(fs, std::move(dir), std::nullopt);
}

bool StateDir::enrolled() const { return fs_->exists(dir_ / kProfile); }

Result<PrivateKey> StateDir::key() {
  const auto path = dir_ / kKey;
  auto pem = fs_->read(path);
  if (pem) {
    auto key = PrivateKey::from_pem(*pem);
    wipe(*pem);
    if (!key) return damaged(path, key.error());
    return key;
  }
  if (pem.error().code != Errc::kNotFound) return pem.error();
  if (enrolled()) return damaged(path, {Errc::kCorrupt, "the device's key is gone"});
  PrivateKey key = PrivateKey::make_p256();
  Bytes text = key.to_pem();
  FEDQAT_FAILPOINT("client.key.before_write");
  const auto wrote = fs_->write_private(path, text);
  wipe(text);
  if (!wrote) return wrote.error();
  FEDQAT_FAILPOINT("client.key.after_write");
  return key;
}

Result<void> StateDir::check(const Certificate& certificate, const Certificate& ca) {
  const auto own = key();
  if (!own) return own.error();
  if (certificate.public_key_sha256() != own->public_sha256()) {
    return Error{Errc::kInvalid, "the device's certificate is not of its key"};
  }
  if (!certificate.issued_by(ca)) {
    return Error{Errc::kInvalid, "the device's certificate is not from the coordinator's CA"};
  }
  return {};
}

Result<void> StateDir::enroll(const Certificate& certificate, const Certificate& ca,
                              const DeviceProfile& profile) {
  if (profile.manifest_key.size() != kEd25519PublicKeyBytes) {
    return Error{Errc::kInvalid, "manifest_key is not 32 bytes"};
  }
  if (auto ok = check(certificate, ca); !ok) return ok;
  // Half of an old enrollment and half of a new one must not look like one.
  FEDQAT_FAILPOINT("client.enrollment.before_remove");
  if (auto ok = fs_->remove(dir_ / kProfile); !ok) return ok;
  FEDQAT_FAILPOINT("client.enrollment.before_certificate");
  if (auto ok = fs_->write_private(dir_ / kCertificate, certificate.to_pem()); !ok) return ok;
  FEDQAT_FAILPOINT("client.enrollment.before_ca");
  if (auto ok = fs_->write_private(dir_ / kCa, ca.to_pem()); !ok) return ok;
  FEDQAT_FAILPOINT("client.enrollment.before_profile");
  if (auto ok = fs_->write_private(dir_ / kProfile, encode_profile(profile)); !ok) return ok;
  FEDQAT_FAILPOINT("client.enrollment.after_profile");
  return {};
}

Result<void> StateDir::renew(const Certificate& renewed) {
  const auto ca = certificate(kCa);
  if (!ca) return ca.error();
  if (auto ok = check(renewed, *ca); !ok) return ok;
  FEDQAT_FAILPOINT("client.certificate.before_write");
  if (auto ok = fs_->write_private(dir_ / kCertificate, renewed.to_pem()); !ok) return ok;
  FEDQAT_FAILPOINT("client.certificate.after_write");
  return {};
}

Result<Certificate> StateDir::certificate(const char* name) {
  const auto path = dir_ / name;
  const auto pem = fs_->read(path);
  if (!pem) return pem.error();
  auto certificate = Certificate::from_pem(*pem);
  if (!certificate) return damaged(path, certificate.error());
  return certificate;
}

Result<DeviceProfile> StateDir::profile() {
  const auto path = dir_ / kProfile;
  const auto file = fs_->read(path);
  if (!file) return file.error();
  auto profile = decode_profile(*file);
  if (!profile) return damaged(path, profile.error());
  return profile;
}

Result<DeviceIdentity> StateDir::identity() {
  if (!enrolled()) {
    return Error{Errc::kNotFound, dir_.string() +
                                      ": this device is not enrolled; enroll it with a token from "
                                      "the coordinator's operator"};
  }
  auto own = key();
  if (!own) return own.error();
  auto leaf = certificate(kCertificate);
  if (!leaf) return leaf.error();
  auto ca = certificate(kCa);
  if (!ca) return ca.error();
  auto described = profile();
  if (!described) return described.error();
  if (auto ok = check(*leaf, *ca); !ok) return damaged(dir_, ok.error());
  return DeviceIdentity{std::move(*own), std::move(*leaf), std::move(*ca), std::move(*described)};
}

}  // namespace fedqat
