// The newest model of each run that a device took, so that nobody can bring back an older one.
#pragma once

#include <filesystem>
#include <vector>

#include "common/base/fs.h"
#include "common/wire/manifest.h"

namespace fedqat {

inline constexpr std::uint64_t kClockSkewS = 600;   // a device's clock may be ahead by this
inline constexpr std::size_t kRememberedRuns = 64;  // the one not used for longest is forgotten

// Not thread-safe; fs must outlive it. Time is Unix seconds.
class SeenModels {
 public:
  // No file is a device that has seen nothing. kCorrupt: the file is damaged; it is not discarded,
  // since then older models would pass. kIo.
  static Result<SeenModels> open(Fs& fs, std::filesystem::path path);

  // May a model of this manifest, whose signature was checked, be trained? On success it is
  // remembered on disk. A run that is not known is taken as it comes. kRejected: expired more than
  // kClockSkewS ago; in its run an older round or version than the newest; its version with another
  // model. kIo: cannot be remembered, so may not be trained.
  Result<void> admit(const Manifest& manifest, std::uint64_t now_unix_s);

 private:
  struct Seen {
    std::uint64_t run;
    std::uint32_t round;
    std::uint64_t version;
    Digest model_sha256;
    bool operator==(const Seen&) const = default;
  };

  SeenModels(Fs& fs, std::filesystem::path path) : fs_(&fs), path_(std::move(path)) {}
  Result<void> read(ByteView file);
  Result<void> save(const std::vector<Seen>& runs);

  Fs* fs_;
  std::filesystem::path path_;
  std::vector<Seen> runs_;  // the one used last comes last
};

}  // namespace fedqat
