// Files in memory, for tests that write thousands. Folders are always there. Not thread-safe.
#pragma once

#include <map>

#include "common/base/fs.h"

namespace fedqat {

class MemoryFs final : public Fs {
 public:
  Result<Bytes> read(const std::filesystem::path& path) override {
    const auto file = files_.find(path);
    if (file == files_.end()) return Error{Errc::kNotFound, path.string() + ": no such file"};
    return file->second;
  }
  Result<void> write_atomic(const std::filesystem::path& path, ByteView bytes) override {
    files_[path] = Bytes(bytes.begin(), bytes.end());
    return {};
  }
  Result<void> write_private(const std::filesystem::path& path, ByteView bytes) override {
    return write_atomic(path, bytes);
  }
  Result<void> remove(const std::filesystem::path& path) override {
    files_.erase(path);
    return {};
  }
  Result<void> make_dirs(const std::filesystem::path&) override { return {}; }
  Result<void> make_private_dir(const std::filesystem::path&) override { return {}; }
  bool exists(const std::filesystem::path& path) override { return files_.contains(path); }

 private:
  std::map<std::filesystem::path, Bytes> files_;
};

}  // namespace fedqat
