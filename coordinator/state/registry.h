// Which devices may take part: one database that the server and the command lines share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/crypto/sha256.h"
#include "common/store/database.h"

namespace fedqat {

struct Device {
  std::uint32_t number = 0;  // 0, 1, 2... in the order of enrolment; never given twice
  std::string name;
  std::int64_t enrolled_s = 0;  // this one and those below: seconds since 1970
  std::optional<std::int64_t> revoked_s;
  std::string revoke_reason;
  std::int64_t last_seen_s = 0;  // 0: never
  bool quarantined = false;
};

struct DeviceKey {
  Digest public_key{};  // SHA-256 of the key's SubjectPublicKeyInfo
  std::string serial;   // of its certificate; empty: none was issued yet
  std::int64_t not_after_s = 0;
};

struct DeviceStatus {
  Device device;
  DeviceKey key;
  bool admitted() const { return !device.revoked_s && !device.quarantined; }
};

struct Seen {
  std::uint32_t number = 0;
  std::int64_t at_s = 0;
};

// One connection: not thread-safe, but any number of processes and threads may have their own.
// Every change is durable when its call returns. Waits up to 5 s for another's change, then
// kUnavailable.
class Registry {
 public:
  // Makes the file if it is missing. kInvalid: a newer fedqat's, or a network file system;
  // kCorrupt, kIo, kUnavailable.
  static Result<Registry> open(const std::filesystem::path& path);

  // A secret with which one device may enrol once, as `name`. An older, unused token of this name
  // is void from now on. Only the secret's SHA-256 is kept. kInvalid: the name is taken or not 1 to
  // 64 characters of [A-Za-z0-9._-].
  Result<void> add_token(std::string_view secret, std::string_view name, std::int64_t expires_s);
  // Makes the token's device. The same key may ask again until the token expires (its reply was
  // lost) and gets the same device. kRejected: unknown token, expired, used, or the key is another
  // device's.
  Result<Device> redeem(std::string_view secret, const Digest& public_key, std::int64_t now_s);
  // Another key of the device (renewal), or the certificate of one it has. kRejected: revoked, or
  // another device's key; kNotFound.
  Result<void> add_key(std::uint32_t number, const DeviceKey& key);
  // For good. An earlier revocation stays as it was. kNotFound.
  Result<void> revoke(std::string_view name, std::string_view reason, std::int64_t now_s);
  Result<void> set_quarantined(std::uint32_t number, bool quarantined);
  // One transaction for all of them; a time that lies before the known one is ignored.
  Result<void> set_seen(std::span<const Seen> seen);

  Result<std::optional<DeviceStatus>> find(const Digest& public_key);
  Result<std::optional<Device>> find(std::string_view name);
  Result<std::vector<Device>> list();                         // by number
  Result<std::vector<DeviceKey>> keys(std::uint32_t number);  // by not_after_s
  // Has another connection changed anything since this was last asked? Microseconds.
  Result<bool> changed();

 private:
  explicit Registry(Database db) : db_(std::move(db)) {}

  Result<void> check_key_owner(std::uint32_t number, const Digest& public_key);

  Database db_;
  std::int64_t data_version_ = 0;
};

}  // namespace fedqat
