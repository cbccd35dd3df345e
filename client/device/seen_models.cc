#include "client/device/seen_models.h"

#include <algorithm>

#include "client/device/state_file.h"
#include "common/base/failpoint.h"
#include "common/wire/frame.h"
#include "common/wire/identity.pb.h"
#include "common/wire/message_fields.h"

namespace fedqat {
namespace {

constexpr std::string_view kMagic{"FEDQATS\0", 8};

Error refused(const Manifest& m, const std::string& why) {
  return {Errc::kRejected, "model version " + std::to_string(m.version) + " of round " +
                               std::to_string(m.round) + ": " + why};
}

}  // namespace

Result<SeenModels> SeenModels::open(Fs& fs, std::filesystem::path path) {
  SeenModels seen(fs, std::move(path));
  const auto file = fs.read(seen.path_);
  if (!file) {
    if (file.error().code == Errc::kNotFound) return seen;
    return file.error();
  }
  if (auto ok = seen.read(*file); !ok) {
    return at(seen.path_.string(),
              {Errc::kCorrupt, ok.error().what +
                                   "; it keeps older models away: remove it only if nobody could "
                                   "have damaged it on purpose, or enroll the device again"});
  }
  return seen;
}

Result<void> SeenModels::read(ByteView file) {
  auto payload = open_state(kMagic, file);
  if (!payload) return payload.error();
  wire::SeenModelsProto p;
  if (auto ok = parse(*payload, p); !ok) return ok;
  for (const auto& run : p.runs()) {
    const auto digest = digest_of(run.model_sha256());
    if (!digest) return Error{Errc::kCorrupt, "a hash is not 32 bytes"};
    runs_.push_back({run.run(), run.round(), run.version(), *digest});
  }
  if (runs_.size() > kRememberedRuns) return Error{Errc::kCorrupt, "it has too many runs"};
  return {};
}

Result<void> SeenModels::admit(const Manifest& m, std::uint64_t now_unix_s) {
  if (now_unix_s > kClockSkewS && now_unix_s - kClockSkewS > m.expires_unix_s) {
    return refused(m,
                   "its manifest expired more than 10 minutes ago; set this device's clock if "
                   "it is wrong, otherwise check in again");
  }
  std::vector<Seen> runs = runs_;
  const auto same_run = [&](const Seen& s) { return s.run == m.run; };
  const auto known = std::find_if(runs.begin(), runs.end(), same_run);
  if (known != runs.end()) {
    if (m.version < known->version || m.round < known->round) {
      return refused(m, "version " + std::to_string(known->version) + " of round " +
                            std::to_string(known->round) +
                            " was seen before, and older models are not taken; check in again");
    }
    if (m.version == known->version && m.model_sha256 != known->model_sha256) {
      return refused(m, "another model had this version before; tell the coordinator's operator");
    }
    runs.erase(known);
  } else if (runs.size() == kRememberedRuns) {
    runs.erase(runs.begin());
  }
  runs.push_back({m.run, m.round, m.version, m.model_sha256});
  if (runs == runs_) return {};  // it is on disk already
  if (auto ok = save(runs); !ok) return ok;
  runs_ = std::move(runs);
  return {};
}

Result<void> SeenModels::save(const std::vector<Seen>& runs) {
  wire::SeenModelsProto p;
  for (const Seen& s : runs) {
    auto& run = *p.add_runs();
    run.set_run(s.run);
    run.set_round(s.round);
    run.set_version(s.version);
    run.set_model_sha256(text_of(s.model_sha256));
  }
  const Bytes file = seal_state(kMagic, serialize(p));
  FEDQAT_FAILPOINT("client.seen.before_write");
  if (auto ok = fs_->write_private(path_, file); !ok) return ok;
  FEDQAT_FAILPOINT("client.seen.after_write");
  return {};
}

}  // namespace fedqat
