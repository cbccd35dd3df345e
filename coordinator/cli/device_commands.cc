#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/base/clock.h"
#include "common/base/fs.h"
#include "common/cli/exit_code.h"
#include "common/crypto/certificate.h"
#include "common/wire/enrollment.h"
#include "coordinator/cli/commands.h"
#include "coordinator/state/audit_log.h"
#include "coordinator/state/registry.h"
#include "coordinator/state/state_dir.h"

namespace fedqat {
namespace {

struct Opened {
  StatePaths paths;
  Registry registry;
};

Result<Opened> open(const std::filesystem::path& dir) {
  auto paths = open_state_dir(dir);
  if (!paths) return paths.error();
  auto registry = Registry::open(paths->registry());
  if (!registry) return registry.error();
  return Opened{*paths, std::move(*registry)};
}

std::string time_text(std::int64_t unix_s) { return unix_s == 0 ? "never" : utc_text(unix_s); }

const char* state_of(const Device& d) {
  if (d.revoked_s) return "revoked";
  return d.quarantined ? "quarantined" : "admitted";
}

// A running server sees the change itself and writes the line; without one it is written here.
void audit_offline(const StatePaths& paths, std::string_view event, std::string_view device,
                   std::string_view reason) {
  const auto lock = StateLock::acquire(paths);
  if (!lock) return;
  const std::int64_t now = unix_now_s();
  auto audit = AuditLog::open(paths.audit(), now);
  if (!audit) {
    std::fprintf(stderr, "fedqat-coordinator: %s\n", audit.error().what.c_str());
    return;
  }
  (void)audit->append(now, event, {{"device", device}, {"reason", reason}});
  (void)audit->sync();
}

}  // namespace

int enroll_command(const EnrollOptions& options) {
  auto opened = open(options.state.dir);
  if (!opened) return complain(opened.error());
  const auto ca_pem = make_posix_fs()->read(opened->paths.ca_cert());
  if (!ca_pem) return complain(ca_pem.error());
  const auto ca = Certificate::from_pem(*ca_pem);
  if (!ca) return complain(at(opened->paths.ca_cert().string(), ca.error()));
  const std::int64_t expires = unix_now_s() + static_cast<std::int64_t>(options.hours * 3600);
  for (const std::string& name : options.devices) {
    const EnrollmentToken token = make_enrollment_token(ca->sha256());
    if (auto ok = opened->registry.add_token(as_text(token.secret), name, expires); !ok) {
      return complain(ok.error());
    }
    const std::string text = to_text(token);
    if (options.state.json) {
      std::printf(
          "%s\n",
          nlohmann::ordered_json{{"device", name}, {"token", text}, {"expires_unix_s", expires}}
              .dump()
              .c_str());
    } else {
      std::printf(
          "# %s, once, until %s UTC; the token is a secret:\n"
          "fedqat-client enroll --server %s --token %s\n",
          name.c_str(), time_text(expires).c_str(), options.server.c_str(), text.c_str());
    }
  }
  return kExitOk;
}

int devices_command(const DevicesOptions& options) {
  auto opened = open(options.state.dir);
  if (!opened) return complain(opened.error());
  if (!options.release.empty()) {
    const auto device = opened->registry.find(std::string_view(options.release));
    if (!device) return complain(device.error());
    if (!*device) return complain({Errc::kNotFound, "no device is called " + options.release});
    const auto ok = opened->registry.set_quarantined((*device)->number, false);
    if (!ok) return complain(ok.error());
    audit_offline(opened->paths, "release", options.release, "");
    std::printf("%s is released from quarantine\n", options.release.c_str());
    return kExitOk;
  }
  auto list = opened->registry.list();
  if (!list) return complain(list.error());
  auto json = nlohmann::ordered_json::array();
  if (!options.state.json) {
    std::printf("%6s  %-24s %-12s %-17s %s\n", "number", "name", "state", "last seen (UTC)",
                "certificate until");
  }
  for (const Device& d : *list) {
    const auto keys = opened->registry.keys(d.number);
    if (!keys) return complain(keys.error());
    const std::int64_t until = keys->empty() ? 0 : keys->back().not_after_s;
    if (options.state.json) {
      json.push_back({{"number", d.number},
                      {"name", d.name},
                      {"state", state_of(d)},
                      {"enrolled_unix_s", d.enrolled_s},
                      {"last_seen_unix_s", d.last_seen_s},
                      {"certificate_until_unix_s", until},
                      {"reason", d.revoke_reason}});
    } else {
      std::printf("%6u  %-24s %-12s %-17s %s%s%s\n", d.number, d.name.c_str(), state_of(d),
                  time_text(d.last_seen_s).c_str(), time_text(until).c_str(),
                  d.revoked_s ? "  revoked: " : "", d.revoke_reason.c_str());
    }
  }
  if (options.state.json) std::printf("%s\n", json.dump(2).c_str());
  return kExitOk;
}

int revoke_command(const RevokeOptions& options) {
  auto opened = open(options.state.dir);
  if (!opened) return complain(opened.error());
  const auto ok = opened->registry.revoke(options.device, options.reason, unix_now_s());
  if (!ok) return complain(ok.error());
  audit_offline(opened->paths, "revoke", options.device, options.reason);
  std::printf("%s is revoked; a running coordinator cuts it off within a second\n",
              options.device.c_str());
  return kExitOk;
}

int audit_verify_command(const StateOption& options) {
  const auto paths = open_state_dir(options.dir);
  if (!paths) return complain(paths.error());
  const auto lines = AuditLog::verify(paths->audit());
  if (!lines) return complain(lines.error());
  std::printf(options.json ? "{\"lines\":%llu,\"intact\":true}\n"
                           : "%llu lines, all of them whole and in order\n",
              static_cast<unsigned long long>(*lines));
  return kExitOk;
}

}  // namespace fedqat
