// A data file, plain or gzip, whose content is unpacked no further than its reader asks.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "common/base/bytes.h"
#include "common/base/fs.h"

namespace fedqat {

class PackedFile {
 public:
  // Reads `path` or, if that is not there, path + ".gz". kNotFound, kIo.
  static Result<PackedFile> open(Fs& fs, const std::filesystem::path& path);
  static bool exists(Fs& fs, const std::filesystem::path& path);

  // `raw` is gzip if it starts with 1f 8b. `name` is shown in errors.
  PackedFile(std::string name, Bytes raw) : name_(std::move(name)), raw_(std::move(raw)) {}

  const std::string& name() const { return name_; }

  // The first `limit` bytes of the content, or all if it has fewer. Memory: O(what is returned).
  // kCorrupt: damaged or cut gzip.
  Result<Bytes> content(std::size_t limit) const;

  // kCorrupt, "<name>: byte <offset>: <what>". Offsets count unpacked bytes.
  Error corrupt(std::size_t offset, const std::string& what) const;

 private:
  std::string name_;
  Bytes raw_;
};

}  // namespace fedqat
