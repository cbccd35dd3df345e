#include "coordinator/state/registry.h"

#include <algorithm>

#include "common/base/failpoint.h"
#include "common/base/fs.h"

namespace fedqat {
namespace {

// On disk: frozen. A change is a further step.
constexpr std::int32_t kApplicationId = 0x46515231;  // "FQR1"
constexpr std::string_view kSchema[] = {R"(
  CREATE TABLE device(
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, enrolled_s INTEGER NOT NULL,
    revoked_s INTEGER, revoke_reason TEXT NOT NULL DEFAULT '',
    last_seen_s INTEGER NOT NULL DEFAULT 0, quarantined INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE keys(
    public_key_sha256 BLOB PRIMARY KEY, number INTEGER NOT NULL REFERENCES device(number),
    serial TEXT NOT NULL DEFAULT '', not_after_s INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX keys_number ON keys(number);
  CREATE TABLE tokens(
    secret_sha256 BLOB PRIMARY KEY, name TEXT NOT NULL, expires_s INTEGER NOT NULL,
    used_s INTEGER, used_by BLOB REFERENCES keys(public_key_sha256)
  ) STRICT, WITHOUT ROWID;
)"};

constexpr std::string_view kDeviceColumns =
    "number, name, enrolled_s, revoked_s, revoke_reason, last_seen_s, quarantined";
constexpr int kDeviceWidth = 7;

Device device_of(const Statement& row) {
  Device d;
  d.number = static_cast<std::uint32_t>(row.integer(0));
  d.name = row.text(1);
  d.enrolled_s = row.integer(2);
  if (!row.is_null(3)) d.revoked_s = row.integer(3);
  d.revoke_reason = row.text(4);
  d.last_seen_s = row.integer(5);
  d.quarantined = row.integer(6) != 0;
  return d;
}

Digest digest_of(ByteView blob) {
  Digest d{};
  std::copy_n(blob.begin(), std::min(blob.size(), d.size()), d.begin());
  return d;
}

Error rejected(std::string what) { return {Errc::kRejected, std::move(what)}; }

bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

}  // namespace

Result<Registry> Registry::open(const std::filesystem::path& path) {
  auto db = Database::open(path, {});
  if (!db) return db.error();
  if (auto r = db->migrate(kApplicationId, kSchema); !r) return r.error();
  Registry registry(*std::move(db));
  if (auto r = registry.changed(); !r) return r.error();
  return registry;
}

Result<void> Registry::add_token(std::string_view secret, std::string_view name,
                                 std::int64_t expires_s) {
  if (!valid_name(name)) {
    return Error{Errc::kInvalid, "device name \"" + std::string(name) +
                                     "\": takes 1 to 64 of letters, digits, '.', '_' and '-'"};
  }
  auto transaction = db_.begin();
  if (!transaction) return transaction.error();
  auto taken = find(name);
  if (!taken) return taken.error();
  if (*taken) {
    return Error{Errc::kInvalid, "device name \"" + std::string(name) +
                                     "\": is taken by an enrolled device; choose another"};
  }
  auto older = db_.prepare("DELETE FROM tokens WHERE name = ? AND used_s IS NULL");
  if (!older) return older.error();
  if (auto r = older->bind(0, name).run(); !r) return r;
  auto insert = db_.prepare("INSERT INTO tokens(secret_sha256, name, expires_s) VALUES(?, ?, ?)");
  if (!insert) return insert.error();
  const Digest hash = sha256(as_bytes(secret));
  if (auto r = insert->bind(0, ByteView(hash)).bind(1, name).bind(2, expires_s).run(); !r) return r;
  FEDQAT_FAILPOINT("registry.token.before_commit");
  if (auto r = transaction->commit(); !r) return r;
  FEDQAT_FAILPOINT("registry.token.after_commit");
  return {};
}

Result<Device> Registry::redeem(std::string_view secret, const Digest& public_key,
                                std::int64_t now_s) {
  auto transaction = db_.begin();
  if (!transaction) return transaction.error();
  auto token =
      db_.prepare("SELECT name, expires_s, used_s, used_by FROM tokens WHERE secret_sha256 = ?");
  if (!token) return token.error();
  const Digest hash = sha256(as_bytes(secret));
  auto found = token->bind(0, ByteView(hash)).step();
  if (!found) return found.error();
  if (!*found) return rejected("enrolment token: unknown or replaced; ask for a new one");
  const std::string name(token->text(0));
  const bool expired = now_s >= token->integer(1);
  const bool used = !token->is_null(2);
  const bool same_key = used && digest_of(token->blob(3)) == public_key;
  token->reset();
  if (used && !same_key) return rejected("enrolment token: was used already; ask for a new one");
  if (expired) return rejected("enrolment token: has expired; ask for a new one");
  auto device = find(name);
  if (!device) return device.error();
  if (same_key && *device) {
    if ((*device)->revoked_s) return rejected("device \"" + name + "\": is revoked");
    return **device;
  }
  if (*device) return rejected("device name \"" + name + "\": is enrolled already");

  auto next = db_.query_integer("SELECT coalesce(max(number) + 1, 0) FROM device");
  if (!next) return next.error();
  const auto number = static_cast<std::uint32_t>(*next);
  if (auto r = check_key_owner(number, public_key); !r) return r.error();
  auto insert = db_.prepare("INSERT INTO device(number, name, enrolled_s) VALUES(?, ?, ?)");
  if (!insert) return insert.error();
  if (auto r = insert->bind(0, *next).bind(1, name).bind(2, now_s).run(); !r) return r.error();
  auto key = db_.prepare("INSERT INTO keys(public_key_sha256, number) VALUES(?, ?)");
  if (!key) return key.error();
  if (auto r = key->bind(0, ByteView(public_key)).bind(1, *next).run(); !r) return r.error();
  auto use = db_.prepare("UPDATE tokens SET used_s = ?, used_by = ? WHERE secret_sha256 = ?");
  if (!use) return use.error();
  use->bind(0, now_s).bind(1, ByteView(public_key)).bind(2, ByteView(hash));
  if (auto r = use->run(); !r) return r.error();
  FEDQAT_FAILPOINT("registry.redeem.before_commit");
  if (auto r = transaction->commit(); !r) return r.error();
  FEDQAT_FAILPOINT("registry.redeem.after_commit");
  Device made;
  made.number = number;
  made.name = name;
  made.enrolled_s = now_s;
  return made;
}

Result<void> Registry::check_key_owner(std::uint32_t number, const Digest& public_key) {
  auto owner = find(public_key);
  if (!owner) return owner.error();
  if (!*owner || (*owner)->device.number == number) return {};
  return rejected("public key: is that of device \"" + (*owner)->device.name +
                  "\"; every device needs its own");
}

Result<void> Registry::add_key(std::uint32_t number, const DeviceKey& key) {
  auto transaction = db_.begin();
  if (!transaction) return transaction.error();
  auto device = db_.prepare("SELECT revoked_s, name FROM device WHERE number = ?");
  if (!device) return device.error();
  auto found = device->bind(0, std::int64_t{number}).step();
  if (!found) return found.error();
  if (!*found) return Error{Errc::kNotFound, "device " + std::to_string(number) + ": unknown"};
  if (!device->is_null(0)) {
    return rejected("device \"" + std::string(device->text(1)) + "\": is revoked");
  }
  device->reset();
  if (auto r = check_key_owner(number, key.public_key); !r) return r;
  auto upsert = db_.prepare(
      "INSERT INTO keys VALUES(?1, ?2, ?3, ?4) ON CONFLICT(public_key_sha256) "
      "DO UPDATE SET serial = ?3, not_after_s = ?4");
  if (!upsert) return upsert.error();
  upsert->bind(0, ByteView(key.public_key)).bind(1, std::int64_t{number});
  upsert->bind(2, std::string_view(key.serial)).bind(3, key.not_after_s);
  if (auto r = upsert->run(); !r) return r;
  FEDQAT_FAILPOINT("registry.key.before_commit");
  if (auto r = transaction->commit(); !r) return r;
  FEDQAT_FAILPOINT("registry.key.after_commit");
  return {};
}

Result<void> Registry::revoke(std::string_view name, std::string_view reason, std::int64_t now_s) {
  auto update = db_.prepare(
      "UPDATE device SET revoke_reason = iif(revoked_s IS NULL, ?1, revoke_reason), "
      "revoked_s = coalesce(revoked_s, ?2) WHERE name = ?3");
  if (!update) return update.error();
  FEDQAT_FAILPOINT("registry.revoke.before_write");
  if (auto r = update->bind(0, reason).bind(1, now_s).bind(2, name).run(); !r) return r;
  FEDQAT_FAILPOINT("registry.revoke.after_write");
  if (db_.changes() == 1) return {};
  return Error{Errc::kNotFound, "device \"" + std::string(name) + "\": there is none of this name"};
}

Result<void> Registry::set_quarantined(std::uint32_t number, bool quarantined) {
  auto update = db_.prepare("UPDATE device SET quarantined = ? WHERE number = ?");
  if (!update) return update.error();
  update->bind(0, std::int64_t{quarantined ? 1 : 0}).bind(1, std::int64_t{number});
  FEDQAT_FAILPOINT("registry.quarantine.before_write");
  if (auto r = update->run(); !r) return r;
  FEDQAT_FAILPOINT("registry.quarantine.after_write");
  if (db_.changes() == 1) return {};
  return Error{Errc::kNotFound, "device " + std::to_string(number) + ": unknown"};
}

Result<void> Registry::set_seen(std::span<const Seen> seen) {
  if (seen.empty()) return {};
  auto transaction = db_.begin();
  if (!transaction) return transaction.error();
  auto update =
      db_.prepare("UPDATE device SET last_seen_s = ?1 WHERE number = ?2 AND last_seen_s < ?1");
  if (!update) return update.error();
  for (const Seen& s : seen) {
    if (auto r = update->bind(0, s.at_s).bind(1, std::int64_t{s.number}).run(); !r) return r;
  }
  FEDQAT_FAILPOINT("registry.seen.before_commit");
  if (auto r = transaction->commit(); !r) return r;
  FEDQAT_FAILPOINT("registry.seen.after_commit");
  return {};
}

Result<std::optional<DeviceStatus>> Registry::find(const Digest& public_key) {
  auto row = db_.prepare("SELECT " + std::string(kDeviceColumns) +
                         ", serial, not_after_s FROM keys JOIN device USING(number) "
                         "WHERE public_key_sha256 = ?");
  if (!row) return row.error();
  auto found = row->bind(0, ByteView(public_key)).step();
  if (!found) return found.error();
  if (!*found) return std::optional<DeviceStatus>();
  DeviceStatus status;
  status.device = device_of(*row);
  status.key = {public_key, std::string(row->text(kDeviceWidth)), row->integer(kDeviceWidth + 1)};
  return std::optional(std::move(status));
}

Result<std::optional<Device>> Registry::find(std::string_view name) {
  auto row = db_.prepare("SELECT " + std::string(kDeviceColumns) + " FROM device WHERE name = ?");
  if (!row) return row.error();
  auto found = row->bind(0, name).step();
  if (!found) return found.error();
  if (!*found) return std::optional<Device>();
  return std::optional(device_of(*row));
}

Result<std::vector<Device>> Registry::list() {
  auto row = db_.prepare("SELECT " + std::string(kDeviceColumns) + " FROM device ORDER BY number");
  if (!row) return row.error();
  std::vector<Device> devices;
  while (true) {
    auto found = row->step();
    if (!found) return found.error();
    if (!*found) return devices;
    devices.push_back(device_of(*row));
  }
}

Result<std::vector<DeviceKey>> Registry::keys(std::uint32_t number) {
  auto row = db_.prepare(
      "SELECT public_key_sha256, serial, not_after_s FROM keys WHERE number = ? "
      "ORDER BY not_after_s, public_key_sha256");
  if (!row) return row.error();
  row->bind(0, std::int64_t{number});
  std::vector<DeviceKey> keys;
  while (true) {
    auto found = row->step();
    if (!found) return found.error();
    if (!*found) return keys;
    keys.push_back({digest_of(row->blob(0)), std::string(row->text(1)), row->integer(2)});
  }
}

Result<bool> Registry::changed() {
  auto version = db_.query_integer("PRAGMA data_version");
  if (!version) return version.error();
  const bool changed = *version != data_version_;
  data_version_ = *version;
  return changed;
}

}  // namespace fedqat
