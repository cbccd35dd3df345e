// Files that are written in place, as a dependency, so that a test can lose what was not synced.
// Whole files that are replaced are common/base/fs.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <new>
#include <span>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace fedqat {

// What bytes, their place in memory and in the file are multiples of to be written directly.
inline constexpr std::size_t kDirectAlign = 4096;

// Memory that is aligned so.
class DirectBuffer {
 public:
  explicit DirectBuffer(std::size_t size)  // a multiple of kDirectAlign
      : bytes_(static_cast<std::byte*>(::operator new(size, kAlign))), size_(size) {}
  std::span<std::byte> bytes() { return {bytes_.get(), size_}; }

 private:
  static constexpr std::align_val_t kAlign{kDirectAlign};
  struct Free {
    void operator()(std::byte* bytes) const { ::operator delete(bytes, kAlign); }
  };
  std::unique_ptr<std::byte, Free> bytes_;
  std::size_t size_;
};

// Not thread-safe. Errors name the path and what the system said: kUnavailable: no space (the file
// is as before, or has some of the bytes); kIo.
class File {
 public:
  virtual ~File() = default;
  // Fills `out`, or as much as there is up to the end of the file; returns how much.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) = 0;
  // Past the page cache where the system can and all is aligned to kDirectAlign.
  virtual Result<void> write_at(std::uint64_t offset, ByteView bytes) = 0;
  // What was written survives a power cut once this returns ok. After an error nobody knows, and
  // trying again does not help: the system may have dropped the bytes.
  virtual Result<void> sync() = 0;
  // The file is at least `size` long, new bytes are 0, and writes below `size` do not fail for lack
  // of space.
  virtual Result<void> preallocate(std::uint64_t size) = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t> size() = 0;
};

class Files {
 public:
  virtual ~Files() = default;
  // For reading and writing; makes it, for its owner alone, if it is missing.
  virtual Result<std::unique_ptr<File>> open(const std::filesystem::path& path) = 0;
  // kNotFound.
  virtual Result<std::unique_ptr<File>> open_existing(const std::filesystem::path& path) = 0;
  // Files made in the folder survive a power cut once this returns ok.
  virtual Result<void> sync_dir(const std::filesystem::path& dir) = 0;
};

Files& posix_files();

// kInvalid: the folder lies on a network or user-space file system (NFS, SMB, FUSE...), where locks
// and syncs cannot be relied on. kIo.
Result<void> require_local(const std::filesystem::path& dir);

}  // namespace fedqat
