#include "coordinator/serve/server_identity.h"

#include <sstream>
#include <utility>

#include "common/base/clock.h"
#include "common/base/fs.h"
#include "common/crypto/authority.h"

namespace fedqat {
namespace {

constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kAuthorityDays = 3650;
constexpr std::int64_t kServerDays = 397;
constexpr std::int64_t kClockSkew = 600;  // a device's clock may be behind by so much

std::filesystem::path names_path(const StatePaths& paths) { return paths.dir / "server.names"; }

Result<Certificate> read_certificate(const std::filesystem::path& path) {
  const auto pem = make_posix_fs()->read(path);
  if (!pem) return pem.error();
  auto certificate = Certificate::from_pem(*pem);
  if (!certificate) return at(path.string(), certificate.error());
  return certificate;
}

// A new key and certificate; the old ones stay until both are written.
Result<void> issue(const StatePaths& paths, const std::vector<std::string>& names,
                   std::int64_t now_s) {
  const auto fs = make_posix_fs();
  const auto ca = read_certificate(paths.ca_cert());
  if (!ca) return ca.error();
  const auto ca_key = read_key(paths.ca_key());
  if (!ca_key) return ca_key.error();
  const PrivateKey key = PrivateKey::make_p256();
  const auto csr = make_csr(key, "server");
  if (!csr) return csr.error();
  const auto certificate = sign_csr(*ca, *ca_key, *csr,
                                    {names.front(),
                                     CertificateProfile::Purpose::kServer,
                                     names,
                                     {now_s - kClockSkew, now_s + kServerDays * kDay}});
  if (!certificate) return at("name of the server", certificate.error());
  // One file, so that key and certificate change together.
  Bytes pem = certificate->to_pem();
  const Bytes key_pem = key.to_pem();
  pem.insert(pem.end(), key_pem.begin(), key_pem.end());
  return fs->write_private(paths.server_cert(), pem);
}

std::string text(const Bytes& bytes) { return std::string(as_text(bytes)); }

}  // namespace

Result<PrivateKey> read_key(const std::filesystem::path& path) {
  const auto pem = make_posix_fs()->read(path);
  if (!pem) return pem.error();
  auto key = PrivateKey::from_pem(*pem);
  if (!key) return at(path.string(), key.error());
  return key;
}

Result<Certificate> make_server_identity(const StatePaths& paths, const NewAuthority& authority) {
  const auto fs = make_posix_fs();
  if (fs->exists(paths.ca_key())) {
    return Error{Errc::kInvalid, paths.ca_key().string() +
                                     ": there is an authority already; its devices would be lost. "
                                     "Use another folder"};
  }
  // Written last, or by devices that enrolled: an init that was interrupted leaves neither.
  if (fs->exists(paths.server_cert()) || fs->exists(paths.registry())) {
    return Error{Errc::kInvalid, paths.ca_key().string() +
                                     ": is gone from a folder that has served; restore it from a "
                                     "backup, or use another folder for a new authority"};
  }
  const PrivateKey key = PrivateKey::make_p256();
  const auto ca = make_ca(key, authority.name,
                          {authority.now_s - kClockSkew, authority.now_s + kAuthorityDays * kDay});
  if (!ca) return ca.error();
  std::string names;
  for (const std::string& name : authority.names) names += name + "\n";
  if (auto ok = fs->write_atomic(names_path(paths), as_bytes(names)); !ok) return ok.error();
  if (auto ok = fs->write_private(paths.manifest_key(), PrivateKey::make_ed25519().to_pem()); !ok) {
    return ok.error();
  }
  if (auto ok = fs->write_atomic(paths.ca_cert(), ca->to_pem()); !ok) return ok.error();
  if (auto ok = fs->write_private(paths.ca_key(), key.to_pem()); !ok) return ok.error();
  if (auto ok = issue(paths, authority.names, authority.now_s); !ok) return ok.error();
  return *ca;
}

Result<ServerIdentity> load_server_identity(const StatePaths& paths, JsonLog& log) {
  const auto fs = make_posix_fs();
  if (!fs->exists(paths.ca_key())) {
    return Error{Errc::kNotFound,
                 paths.ca_key().string() + ": there is none; `fedqat-coordinator init` makes it"};
  }
  auto certificate = read_certificate(paths.server_cert());
  const std::int64_t now = unix_now_s();
  if (!certificate ||
      now > certificate->not_before_s() +
                (certificate->not_after_s() - certificate->not_before_s()) * 2 / 3) {
    const auto listed = fs->read(names_path(paths));
    if (!listed) return listed.error();
    std::istringstream lines{text(*listed)};
    std::vector<std::string> names;
    for (std::string name; std::getline(lines, name);) names.push_back(name);
    if (names.empty()) return Error{Errc::kCorrupt, names_path(paths).string() + ": is empty"};
    if (auto ok = issue(paths, names, now); !ok) return ok.error();
    log.info("server_certificate_renewed", {{"name", names.front()}});
  }
  const auto pem = fs->read(paths.server_cert());
  if (!pem) return pem.error();
  const auto ca = fs->read(paths.ca_cert());
  if (!ca) return ca.error();
  // The file has the certificate, then its key; the chain ends with the authority.
  const std::string own = text(*pem);
  const std::size_t split = own.find("-----BEGIN PRIVATE KEY");
  if (split == std::string::npos) {
    return Error{Errc::kCorrupt, paths.server_cert().string() + ": has no private key"};
  }
  const TlsIdentity identity{own.substr(0, split) + text(*ca), own.substr(split)};
  auto devices = TlsContext::server(identity, text(*ca));
  if (!devices) return at(paths.server_cert().string(), devices.error());
  auto enrolment = TlsContext::server_without_client_certificates(identity);
  if (!enrolment) return at(paths.server_cert().string(), enrolment.error());
  return ServerIdentity{std::move(*devices), std::move(*enrolment)};
}

}  // namespace fedqat
