#include <netdb.h>

#include "client/cli/device_process.h"
#include "client/cli/doctor.h"
#include "client/cli/place.h"
#include "client/device/credentials.h"
#include "common/base/clock.h"

namespace fedqat {
namespace {

constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kLongAgo = 1'735'689'600;  // 2025-01-01: before this program was written

std::string date_text(std::int64_t unix_s) { return utc_text(unix_s) + " UTC"; }

Finding clock_finding(std::int64_t now_s, const Certificate* own) {
  Finding f{"clock", Health::kOk, date_text(now_s), ""};
  // The coordinator wrote its own time into the certificate.
  if (now_s < kLongAgo || (own != nullptr && now_s < own->not_before_s())) {
    f.health = Health::kFail;
    f.text += own != nullptr ? ", before the certificate was made" : ", which cannot be";
    f.remedy = "set this device's clock, best by NTP (timedatectl set-ntp true)";
  }
  return f;
}

Finding certificate_finding(std::int64_t now_s, const Certificate& own) {
  const std::int64_t left_s = own.not_after_s() - now_s, due_s = renewal_due_s(own);
  Finding f{"certificate", Health::kOk,
            "until " + date_text(own.not_after_s()) + ", renewed from " + date_text(due_s) + " on",
            ""};
  if (left_s < 0) {
    f.health = Health::kFail;
    f.remedy = "it has expired: ask the operator for a token and enroll with an empty --state";
  } else if (now_s > due_s + (own.not_after_s() - due_s) / 2) {
    f.health = Health::kWarn;
    f.text += ": " + std::to_string(left_s / kDay) + " days left and still not renewed";
    f.remedy = "let `fedqat-client run` reach the coordinator, which renews it";
  }
  return f;
}

Finding name_finding(const Place& place) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(place.host.c_str(), nullptr, &hints, &found);
  if (code == 0) ::freeaddrinfo(found);
  if (code == 0) return {"name", Health::kOk, place.host + " resolves", ""};
  return {"name", Health::kFail, place.host + ": " + ::gai_strerror(code),
          "check the network and /etc/resolv.conf, or the name at enrolment"};
}

Finding coordinator_finding(const DeviceIdentity& identity) {
  const std::string name = "coordinator";
  auto transport = connect_device(identity, {});
  if (!transport) return {name, Health::kFail, transport.error().what, "enroll this device again"};
  // Asks for a network that no run has: the answer changes nothing on either side.
  const SteadyClock clock;
  const std::int64_t start_ms = clock.now_ms();
  const auto reply = exchange(**transport, FetchNetwork{0});
  if (!reply) {
    const bool refused = reply.error().code == Errc::kRejected;
    return {name, Health::kFail, reply.error().what,
            refused ? "see above; the operator knows more (fedqat-coordinator devices)"
                    : "is the coordinator running, and does a firewall let " +
                          identity.profile.address + " through?"};
  }
  const auto* refusal = std::get_if<Refusal>(&reply->body);
  if (refusal != nullptr && refusal->code == RefusalCode::kUnknownDevice) {
    return {name, Health::kFail, refusal->text, "ask the operator: this device was revoked"};
  }
  return {name, Health::kOk,
          identity.profile.address + " answers in " + std::to_string(clock.now_ms() - start_ms) +
              " ms, knows this device and has the right certificate",
          ""};
}

}  // namespace

std::vector<Finding> examine_device(const std::filesystem::path& dir, Fs& fs) {
  const std::int64_t now_s = unix_now_s();
  auto state = StateDir::look(fs, dir);
  const auto identity = state ? state->identity() : Result<DeviceIdentity>(state.error());
  if (!identity) {
    return {clock_finding(now_s, nullptr),
            {"identity", Health::kFail, identity.error().what,
             "fedqat-client enroll --server HOST:PORT --token TOKEN"}};
  }
  std::vector<Finding> findings = {clock_finding(now_s, &identity->certificate),
                                   {"identity", Health::kOk,
                                    identity->profile.device_name + " (number " +
                                        std::to_string(identity->profile.device_number) + ")",
                                    ""},
                                   certificate_finding(now_s, identity->certificate)};
  const auto place = parse_place(identity->profile.address);
  if (!place) {
    findings.push_back({"name", Health::kFail, place.error().what, "enroll this device again"});
    return findings;
  }
  findings.push_back(name_finding(*place));
  if (findings.back().health == Health::kOk) findings.push_back(coordinator_finding(*identity));
  return findings;
}

}  // namespace fedqat
