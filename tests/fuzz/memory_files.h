// Files in memory that are written in place; a sync does nothing. Not thread-safe.
#pragma once

#include <algorithm>
#include <map>

#include "common/store/files.h"

namespace fedqat {

class MemoryFile final : public File {
 public:
  explicit MemoryFile(Bytes& bytes) : bytes_(bytes) {}
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) override {
    if (offset >= bytes_.size()) return std::size_t{0};
    const std::size_t n = std::min<std::size_t>(out.size(), bytes_.size() - offset);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), n, out.begin());
    return n;
  }
  Result<void> write_at(std::uint64_t offset, ByteView bytes) override {
    bytes_.resize(std::max<std::size_t>(bytes_.size(), offset + bytes.size()));
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  Result<void> sync() override { return {}; }
  Result<void> preallocate(std::uint64_t size) override {
    bytes_.resize(std::max<std::size_t>(bytes_.size(), size));
    return {};
  }
  Result<void> truncate(std::uint64_t size) override {
    bytes_.resize(size);
    return {};
  }
  Result<std::uint64_t> size() override { return std::uint64_t{bytes_.size()}; }

 private:
  Bytes& bytes_;
};

class MemoryFiles final : public Files {
 public:
  Result<std::unique_ptr<File>> open(const std::filesystem::path& path) override {
    return std::unique_ptr<File>(std::make_unique<MemoryFile>(content[path]));
  }
  Result<std::unique_ptr<File>> open_existing(const std::filesystem::path& path) override {
    if (!content.contains(path)) return Error{Errc::kNotFound, path.string() + ": no such file"};
    return open(path);
  }
  Result<void> sync_dir(const std::filesystem::path&) override { return {}; }

  std::map<std::filesystem::path, Bytes> content;
};

}  // namespace fedqat
