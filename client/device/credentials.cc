#include "client/device/credentials.h"

#include <algorithm>

#include "client/session.h"
#include "common/crypto/authority.h"

namespace fedqat {
namespace {

// The subject is ignored by the coordinator, which knows the device by its token.
constexpr std::string_view kSubject = "fedqat device";

Result<Enrolled> ask(Transport& transport, const Request& request) {
  auto reply = exchange(transport, request);
  if (!reply) return reply.error();
  if (auto* enrolled = std::get_if<Enrolled>(&reply->body)) return std::move(*enrolled);
  const auto* refusal = std::get_if<Refusal>(&reply->body);
  if (refusal == nullptr) {
    return Error{Errc::kCorrupt, "the coordinator answered with a message of another kind"};
  }
  const std::string what = std::string(refusal_name(refusal->code)) + ": " + refusal->text;
  if (refusal->code == RefusalCode::kBusy) return Error{Errc::kUnavailable, what};
  if (refusal->code == RefusalCode::kBadToken) {
    return Error{Errc::kRejected,
                 what + "; ask the operator for another (fedqat-coordinator enroll)"};
  }
  return Error{Errc::kRejected, what};
}

// Of the authorities the one that issued the certificate.
Result<Certificate> issuer_of(const Certificate& certificate, ByteView authorities) {
  auto chain = Certificate::chain_from_pem(authorities);
  if (!chain) return chain.error();
  const auto ca = std::find_if(chain->begin(), chain->end(),
                               [&](const Certificate& c) { return certificate.issued_by(c); });
  if (ca == chain->end()) {
    return Error{Errc::kCorrupt, "none of the coordinator's authorities issued the certificate"};
  }
  return *ca;
}

}  // namespace

Result<DeviceProfile> enroll_device(StateDir& state, Transport& transport,
                                    const EnrollmentToken& token, const EnrollmentPlace& place) {
  const auto key = state.key();
  if (!key) return key.error();
  auto csr = make_csr(*key, kSubject);
  if (!csr) return csr.error();
  const auto enrolled = ask(transport, Enroll{token.secret, std::move(*csr)});
  if (!enrolled) return enrolled.error();
  const std::uint16_t port = place.port != 0 ? place.port : enrolled->port;
  if (port == 0) {
    return Error{Errc::kInvalid, "the coordinator does not say its port for devices; give --port"};
  }
  const auto certificate = Certificate::from_pem(enrolled->certificate_pem);
  if (!certificate) return certificate.error();
  const auto ca = issuer_of(*certificate, enrolled->authorities_pem);
  if (!ca) return ca.error();
  const bool v6 = place.host.find(':') != std::string::npos;
  DeviceProfile profile{(v6 ? "[" + place.host + "]" : place.host) + ":" + std::to_string(port),
                        place.server_name.empty() ? place.host : place.server_name,
                        enrolled->manifest_key, enrolled->name, enrolled->number};
  if (auto ok = state.enroll(*certificate, *ca, profile); !ok) return ok.error();
  return profile;
}

std::int64_t renewal_due_s(const Certificate& certificate) {
  const std::int64_t begin = certificate.not_before_s();
  return begin + (certificate.not_after_s() - begin) / 3 * 2;
}

Result<Certificate> renew_certificate(StateDir& state, Transport& transport,
                                      const DeviceIdentity& identity) {
  auto csr = make_csr(identity.key, kSubject);
  if (!csr) return csr.error();
  const auto renewed = ask(transport, Renew{std::move(*csr)});
  if (!renewed) return renewed.error();
  auto certificate = Certificate::from_pem(renewed->certificate_pem);
  if (!certificate) return certificate.error();
  if (auto ok = state.renew(*certificate); !ok) return ok.error();
  return certificate;
}

}  // namespace fedqat
