#include "common/store/segment.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string>

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/base/failpoint.h"

namespace fedqat {
namespace {

constexpr std::size_t kWriteBytes = std::size_t{1} << 20;

using Header = std::array<std::byte, kSegmentHeader>;

void put_u32(std::span<std::byte> to, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) to[i] = static_cast<std::byte>(value >> (8 * i));
}

Header encode_header(const Location& location) {
  Header header{};
  const std::span<std::byte> bytes(header);
  put_u32(bytes.subspan(0), kSegmentMagic);
  put_u32(bytes.subspan(4), location.length);
  put_u32(bytes.subspan(8), location.crc);
  return header;
}

}  // namespace

Segment::Segment(std::unique_ptr<File> file, Files& files, std::filesystem::path path,
                 std::uint64_t capacity, std::uint64_t growth)
    : file_(std::move(file)),
      files_(&files),
      path_(std::move(path)),
      capacity_(capacity),
      growth_(growth),
      buffer_(kWriteBytes) {}

Result<Segment> Segment::open(Files& files, const std::filesystem::path& path,
                              std::uint64_t growth) {
  auto file = files.open(path);
  if (!file) return file.error();
  auto size = (*file)->size();
  if (!size) return size.error();
  // The length and the folder's entry may be those of a process that was killed before it synced.
  if (auto r = (*file)->sync(); !r) return r.error();
  if (auto r = files.sync_dir(path.parent_path()); !r) return r.error();
  return Segment(*std::move(file), files, path, *size, growth);
}

Error Segment::broken_error() const {
  return {Errc::kIo, path_.string() +
                         ": an earlier sync failed, nobody knows what is on the disk; check the "
                         "disk, then start again"};
}

// After a failure the file may be longer than capacity_, which does no harm.
Result<void> Segment::grow(std::uint64_t end) {
  const std::uint64_t step = growth_ == 0 ? 1 : growth_;
  const std::uint64_t roomy = (end + step - 1) / step * step;
  FEDQAT_FAILPOINT("journal.segment.before_preallocate");
  std::uint64_t capacity = roomy;
  auto reserved = file_->preallocate(roomy);
  if (!reserved && reserved.error().code == Errc::kUnavailable) {
    capacity = end;
    reserved = file_->preallocate(end);
  }
  FEDQAT_FAILPOINT("journal.segment.after_preallocate");
  if (!reserved) return reserved;
  if (auto r = file_->sync(); !r) {
    broken_ = true;
    return r;
  }
  FEDQAT_FAILPOINT("journal.segment.after_grow_sync");
  if (auto r = files_->sync_dir(path_.parent_path()); !r) {
    broken_ = true;
    return r;
  }
  FEDQAT_FAILPOINT("journal.segment.after_dir_sync");
  capacity_ = capacity;
  return {};
}

Result<Location> Segment::append(ByteView payload) {
  if (broken_) return broken_error();
  if (payload.size() > std::numeric_limits<std::uint32_t>::max()) {
    return Error{Errc::kInvalid, path_.string() + ": a record takes at most 4 GiB"};
  }
  const Location location{end_, static_cast<std::uint32_t>(payload.size()), crc32c(payload)};
  if (location.end() > capacity_) {
    if (auto r = grow(location.end()); !r) return r.error();
  }
  dirty_ = true;
  FEDQAT_FAILPOINT("journal.segment.before_write");
  if (auto r = put(encode_header(location)); !r) return r.error();
  if (auto r = put(payload); !r) return r.error();
  end_ = location.end();
  if (auto r = pad(); !r) return r.error();
  FEDQAT_FAILPOINT("journal.segment.after_write");
  return location;
}

Result<void> Segment::put(ByteView bytes) {
  const std::span<std::byte> buffer = buffer_.bytes();
  while (!bytes.empty()) {
    const std::size_t n = std::min(buffer.size() - used_, bytes.size());
    std::memcpy(buffer.data() + used_, bytes.data(), n);
    used_ += n;
    bytes = bytes.subspan(n);
    if (used_ == buffer.size()) {
      if (auto r = flush(); !r) return r;
    }
  }
  return {};
}

Result<void> Segment::pad() {
  static constexpr std::array<std::byte, kDirectAlign> kZeros{};
  return put(ByteView(kZeros).first((kDirectAlign - used_ % kDirectAlign) % kDirectAlign));
}

// The space is there, so no error is one that goes away.
Result<void> Segment::flush() {
  if (broken_) return broken_error();
  if (used_ == 0) return {};
  FEDQAT_FAILPOINT("journal.segment.before_flush");
  if (auto r = file_->write_at(written_, buffer_.bytes().first(used_)); !r) {
    broken_ = true;
    return Error{Errc::kIo, r.error().what};
  }
  FEDQAT_FAILPOINT("journal.segment.after_flush");
  written_ += used_;
  used_ = 0;
  return {};
}

void Segment::reset(std::uint64_t offset) {
  FEDQAT_CHECK(used_ == 0);
  end_ = written_ = offset;
}

Result<void> Segment::sync() {
  if (broken_) return broken_error();
  if (!dirty_) return {};
  if (auto r = flush(); !r) return r;
  FEDQAT_FAILPOINT("journal.segment.before_sync");
  if (auto r = file_->sync(); !r) {
    broken_ = true;
    return r;
  }
  dirty_ = false;
  FEDQAT_FAILPOINT("journal.segment.after_sync");
  return {};
}

Result<Bytes> Segment::read(const Location& location) {
  if (broken_) return broken_error();
  if (auto r = flush(); !r) return r.error();
  const auto corrupt = [&](const char* what) {
    return Error{Errc::kCorrupt, path_.string() + ": offset " + std::to_string(location.offset) +
                                     ": " + what + "; the disk lost or changed bytes"};
  };
  auto size = file_->size();
  if (!size) return size.error();
  if (location.offset > *size || location.end() > *size) return corrupt("the record is cut off");
  Header header{};
  if (auto r = file_->read_at(location.offset, header); !r) return r.error();
  if (header != encode_header(location)) return corrupt("not the record that was written");
  Bytes payload(location.length);
  auto n = file_->read_at(location.offset + kSegmentHeader, payload);
  if (!n) return n.error();
  if (*n != payload.size() || crc32c(payload) != location.crc) {
    return corrupt("the payload's checksum is wrong");
  }
  return payload;
}

}  // namespace fedqat
