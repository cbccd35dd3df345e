// One process at a time: a lock on a file, freed by the system when its holder ends, however.
#pragma once

#include <filesystem>

#include "common/base/result.h"

namespace fedqat {

// Movable. Holds between processes and between two locks of one process, not on network file
// systems. The file stays.
class FileLock {
 public:
  // Does not wait. kUnavailable: somebody holds it; kNotFound: no such folder; kIo.
  static Result<FileLock> take(const std::filesystem::path& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace fedqat
