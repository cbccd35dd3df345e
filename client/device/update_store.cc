#include "client/device/update_store.h"

#include <cstring>

#include "client/device/state_file.h"
#include "common/base/failpoint.h"
#include "common/wire/frame.h"
#include "common/wire/identity.pb.h"
#include "common/wire/message_fields.h"

namespace fedqat {
namespace {

constexpr std::string_view kMagic{"FEDQATU\0", 8};

Result<SealedUpdate> decode(ByteView file) {
  auto payload = open_state(kMagic, file);
  if (!payload) return payload.error();
  wire::StoredUpdateProto p;
  if (auto ok = parse(*payload, p); !ok) return ok.error();
  const auto digest = digest_of(p.digest());
  SealedUpdate update{p.run(),
                      p.round(),
                      p.version(),
                      digest.value_or(Digest{}),
                      bytes_of(p.payload()),
                      bytes_of(p.stats()),
                      std::vector<float>(p.memory().size() / sizeof(float))};
  if (!update.memory.empty()) {
    std::memcpy(update.memory.data(), p.memory().data(), update.memory.size() * sizeof(float));
  }
  if (!digest || update_digest(update.payload, update.stats) != *digest) {
    return Error{Errc::kCorrupt, "the update does not have its digest"};
  }
  return update;
}

}  // namespace

Result<void> UpdateStore::keep(const SealedUpdate& update) {
  const std::span<const float> memory = update.memory;
  if (update.payload.size() + update.stats.size() + memory.size_bytes() > kMaxStoredUpdate) {
    return Error{Errc::kInvalid, path_.string() +
                                     ": an update of more than 1 GiB is not kept; "
                                     "train a smaller model"};
  }
  wire::StoredUpdateProto p;
  p.set_run(update.run);
  p.set_round(update.round);
  p.set_version(update.version);
  p.set_digest(text_of(update.digest));
  p.set_payload(text_of(update.payload));
  p.set_stats(text_of(update.stats));
  if (!memory.empty()) p.set_memory(memory.data(), memory.size_bytes());
  const Bytes file = seal_state(kMagic, serialize(p));
  FEDQAT_FAILPOINT("client.update.before_write");
  if (auto ok = fs_.write_private(path_, file); !ok) return ok;
  FEDQAT_FAILPOINT("client.update.after_write");
  return {};
}

Result<std::optional<SealedUpdate>> UpdateStore::load() {
  using Loaded = std::optional<SealedUpdate>;
  auto file = fs_.read(path_);
  if (!file) {
    if (file.error().code == Errc::kNotFound) return Loaded();
    return file.error();
  }
  auto update = decode(*file);
  if (update) return Loaded(std::move(*update));
  if (auto ok = clear(); !ok) return ok.error();
  return at(path_.string(),
            {Errc::kCorrupt, update.error().what + "; it is discarded and will not be sent, the "
                                                   "round is trained again"});
}

Result<void> UpdateStore::clear() {
  FEDQAT_FAILPOINT("client.update.before_remove");
  if (auto ok = fs_.remove(path_); !ok) return ok;
  FEDQAT_FAILPOINT("client.update.after_remove");
  return {};
}

}  // namespace fedqat
