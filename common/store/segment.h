// A preallocated file of checksummed records, for payloads too large for the database. Which
// records count is written elsewhere (a row with their Location); the rest is space to be used
// again.
//
//   record at `offset`:  magic u32 | length u32 | crc u32 | 0 u32 | payload [length]
//
// Records begin at multiples of kDirectAlign and are padded with zeros up to the next one, so that
// they go to the disk without the page cache.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/store/files.h"

namespace fedqat {

// On disk: frozen.
inline constexpr std::uint32_t kSegmentMagic = 0x47535146;  // "FQSG"
inline constexpr std::uint64_t kSegmentHeader = 16;
inline constexpr std::uint64_t kSegmentGrowth = std::uint64_t{64} << 20;

struct Location {
  std::uint64_t offset = 0;    // of the record
  std::uint32_t length = 0;    // of the payload
  std::uint32_t crc = 0;       // CRC-32C of the payload
  std::uint64_t end() const {  // padding included
    return (offset + kSegmentHeader + length + kDirectAlign - 1) / kDirectAlign * kDirectAlign;
  }
};

// Not thread-safe. Errors name the file and the remedy.
class Segment {
 public:
  // growth: how much is preallocated at a time. kIo, kUnavailable.
  static Result<Segment> open(Files& files, const std::filesystem::path& path,
                              std::uint64_t growth = kSegmentGrowth);

  // Durable after the next sync() that returns ok; until then some of it may be in memory only.
  // kUnavailable: no space; the segment is then as before. kInvalid: 4 GiB and more. kIo: final.
  Result<Location> append(ByteView payload);
  // Nothing to do: ok at once. A failure is final: every later call fails.
  Result<void> sync();
  // Hands everything to the system, which a crash of this process survives. Failures as sync().
  Result<void> flush();
  // kCorrupt: there is no such record, or its bytes have changed.
  Result<Bytes> read(const Location& location);
  // The next record goes to `offset`, a multiple of kDirectAlign: nothing from there on is needed
  // any more. kChecks that everything is flushed.
  void reset(std::uint64_t offset);
  std::uint64_t end() const { return end_; }
  bool broken() const { return broken_; }  // a sync or a write failed, also one of append()

 private:
  Segment(std::unique_ptr<File> file, Files& files, std::filesystem::path path,
          std::uint64_t capacity, std::uint64_t growth);
  Result<void> grow(std::uint64_t end);
  Result<void> put(ByteView bytes);
  Result<void> pad();
  Error broken_error() const;

  std::unique_ptr<File> file_;
  Files* files_;
  std::filesystem::path path_;
  std::uint64_t capacity_;  // preallocated, and that is durable
  std::uint64_t growth_;
  std::uint64_t end_ = 0;
  DirectBuffer buffer_;        // the newest bytes, not yet written
  std::size_t used_ = 0;       // of buffer_
  std::uint64_t written_ = 0;  // where they go
  bool dirty_ = false;
  bool broken_ = false;
};

}  // namespace fedqat
