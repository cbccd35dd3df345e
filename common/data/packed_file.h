// A data file, plain or gzip, whose content is unpacked no further than its reader asks.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "common/base/bytes.h"
#include "common/base/fs.h"

namespace fedqat {

class PackedFile {
 public:
  // Reads `path` or, if that is not there, path + ".gz"; a plain file is left on the disk until its
  // content is asked for, and `fs` must live so long. kNotFound, kIo.
  static Result<PackedFile> open(Fs& fs, const std::filesystem::path& path);
  static bool exists(Fs& fs, const std::filesystem::path& path);

  // `raw` is gzip if it starts with 1f 8b. `name` is shown in errors.
  PackedFile(std::string name, Bytes raw) : name_(std::move(name)), raw_(std::move(raw)) {}

  const std::string& name() const { return name_; }

  // No content has more bytes than this, which costs no unpacking; a plain one has so many.
  std::uint64_t most() const;

  // The first `limit` bytes of the content, or all if it has fewer. Memory: O(what is returned).
  // kCorrupt: damaged or cut gzip. kIo.
  Result<Bytes> content(std::size_t limit) const;

  // Bytes from `offset` on into `out`, as many as the content has; how many. No memory beside.
  // Errors as content().
  Result<std::size_t> read(std::size_t offset, std::span<std::byte> out) const;

  // kCorrupt, "<name>: byte <offset>: <what>". Offsets count unpacked bytes.
  Error corrupt(std::size_t offset, const std::string& what) const;

 private:
  std::string name_;
  Bytes raw_;               // a gzip file, or one that was never on a disk
  Fs* fs_ = nullptr;        // else: the plain file `name_`
  std::uint64_t size_ = 0;  // of that
};

}  // namespace fedqat
