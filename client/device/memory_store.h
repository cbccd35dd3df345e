// What a device's updates left out so far, where their codec has error feedback (client/session.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

#include "common/base/fs.h"
#include "common/base/result.h"

namespace fedqat {

// Of one run at a time; fs must outlive this. Not thread-safe.
class MemoryStore {
 public:
  MemoryStore(Fs& fs, std::filesystem::path path) : fs_(fs), path_(std::move(path)) {}

  // Empty when there is none of `run`. kCorrupt: it was damaged and is discarded; kIo.
  Result<std::vector<float>> load(std::uint64_t run);
  // Durable when it returns; takes the place of the one before; not empty. kIo.
  Result<void> keep(std::uint64_t run, std::span<const float> memory);

 private:
  Fs& fs_;
  std::filesystem::path path_;
};

}  // namespace fedqat
