// The finished update of a device: kept before it is sent, until the coordinator has answered.
#pragma once

#include <filesystem>
#include <optional>

#include "client/session.h"
#include "common/base/fs.h"

namespace fedqat {

inline constexpr std::size_t kMaxStoredUpdate = std::size_t{1} << 30;

// One update at a time; fs must outlive this. Not thread-safe.
class UpdateStore {
 public:
  UpdateStore(Fs& fs, std::filesystem::path path) : fs_(fs), path_(std::move(path)) {}

  // Durable when it returns; takes the place of the one before. kInvalid: more than
  // kMaxStoredUpdate; kIo.
  Result<void> keep(const SealedUpdate& update);
  // Nothing when there is none. kCorrupt: it was damaged and is discarded: report it, train again.
  Result<std::optional<SealedUpdate>> load();
  Result<void> clear();  // no error when there is none

 private:
  Fs& fs_;
  std::filesystem::path path_;
};

}  // namespace fedqat
