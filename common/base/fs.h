// Files as a dependency, so that a test can lose unsynced writes or run out of space.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace fedqat {

// Every error names the path and what the operating system said. Thread-safe.
class Fs {
 public:
  virtual ~Fs() = default;
  // kNotFound, kIo.
  virtual Result<Bytes> read(const std::filesystem::path& path) = 0;
  // Bytes from `offset` on into `out`, as many as the file has; how many. kNotFound, kIo.
  virtual Result<std::size_t> read_at(const std::filesystem::path& path, std::uint64_t offset,
                                      std::span<std::byte> out);
  // Bytes in a file. kNotFound, kIo.
  virtual Result<std::uint64_t> size(const std::filesystem::path& path);
  // Old content or new, never a mixture, even after a power cut: temporary file, fsync, rename,
  // fsync of the folder. After an error the temporary file is gone. kNotFound: no such folder. kIo.
  virtual Result<void> write_atomic(const std::filesystem::path& path, ByteView bytes) = 0;
  // The same for secrets: nobody but the owner can ever read the file or its temporary one (0600).
  virtual Result<void> write_private(const std::filesystem::path& path, ByteView bytes) = 0;
  // Gone for good when this returns, even after a power cut; no error if it is not there. kIo.
  virtual Result<void> remove(const std::filesystem::path& path) = 0;
  // Makes the folder and its parents; no error if it is there. kIo.
  virtual Result<void> make_dirs(const std::filesystem::path& dir) = 0;
  // The same for secrets: the folder itself is the owner's alone (0700), also when it was there.
  virtual Result<void> make_private_dir(const std::filesystem::path& dir) = 0;
  virtual bool exists(const std::filesystem::path& path) = 0;
};

std::unique_ptr<Fs> make_posix_fs();

inline ByteView as_bytes(std::string_view s) {
  return std::as_bytes(std::span<const char>(s.data(), s.size()));
}
inline std::string_view as_text(ByteView b) {
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}

}  // namespace fedqat
