#include "common/data/packed_file.h"

#include <zlib.h>

#include <algorithm>

namespace fedqat {
namespace {

bool is_gzip(ByteView raw) {
  return raw.size() >= 2 && raw[0] == std::byte{0x1f} && raw[1] == std::byte{0x8b};
}

// deflate packs at most 1032 times.
constexpr std::uint64_t kMostPacked = 1032;
// content() starts with room for this much and doubles as it fills, so that memory follows what is
// there and not what a small file could unpack to.
constexpr std::size_t kFirstRoom = std::size_t{1} << 16;

// Unpacks a gzip file's members, one after the other.
class Inflater {
 public:
  Inflater(const PackedFile& file, ByteView raw) : file_(file), raw_(raw) {
    FEDQAT_CHECK(inflateInit2(&z_, 15 + 16) == Z_OK);  // 16: gzip header and CRC
  }
  ~Inflater() { inflateEnd(&z_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // The next bytes: as many as `out` takes, fewer only at the end.
  Result<std::size_t> next(std::span<std::byte> out) {
    std::size_t filled = 0;
    while (filled < out.size() && !ended_) {
      constexpr std::size_t kStep = std::size_t{1} << 30;  // zlib counts in 32 bits
      const auto in_step = static_cast<uInt>(std::min(raw_.size() - used_, kStep));
      const auto out_step = static_cast<uInt>(std::min(out.size() - filled, kStep));
      z_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(raw_.data() + used_));
      z_.avail_in = in_step;
      z_.next_out = reinterpret_cast<Bytef*>(out.data() + filled);
      z_.avail_out = out_step;
      const int code = inflate(&z_, Z_NO_FLUSH);
      used_ += in_step - z_.avail_in;
      filled += out_step - z_.avail_out;
      if (code == Z_STREAM_END) {
        ended_ = used_ == raw_.size();
        if (!ended_) inflateReset(&z_);
      } else if (code == Z_BUF_ERROR) {
        return file_.corrupt(passed_ + filled,
                             "the gzip stream ends early; download the file again");
      } else if (code != Z_OK) {
        const std::string why = z_.msg != nullptr ? z_.msg : "inflate fails";
        return file_.corrupt(passed_ + filled, "the gzip stream is damaged at byte " +
                                                   std::to_string(used_) + " of the file (" + why +
                                                   "); download the file again");
      }
    }
    passed_ += filled;
    return filled;
  }

 private:
  const PackedFile& file_;
  ByteView raw_;
  std::size_t used_ = 0;    // of raw_
  std::size_t passed_ = 0;  // unpacked
  bool ended_ = false;
  z_stream z_{};
};

}  // namespace

Result<PackedFile> PackedFile::open(Fs& fs, const std::filesystem::path& path) {
  const std::filesystem::path packed = path.string() + ".gz";
  if (!fs.exists(path) && !fs.exists(packed)) {
    return Error{Errc::kNotFound, path.string() + "[.gz]: is not there; put the file into this " +
                                      "folder or choose another with data.dir"};
  }
  const auto& found = fs.exists(path) ? path : packed;
  Bytes head(2);
  const auto size = fs.size(found);
  if (!size) return size.error();
  const auto got = fs.read_at(found, 0, head);
  if (!got) return got.error();
  PackedFile file(found.string(), {});
  if (*got == head.size() && is_gzip(head)) {
    auto raw = fs.read(found);
    if (!raw) return raw.error();
    file.raw_ = *std::move(raw);
  } else {
    file.fs_ = &fs;
    file.size_ = *size;
  }
  return file;
}

bool PackedFile::exists(Fs& fs, const std::filesystem::path& path) {
  return fs.exists(path) || fs.exists(path.string() + ".gz");
}

std::uint64_t PackedFile::most() const {
  if (fs_ != nullptr) return size_;
  return is_gzip(raw_) ? kMostPacked * raw_.size() : raw_.size();
}

Result<std::size_t> PackedFile::read(std::size_t offset, std::span<std::byte> out) const {
  if (fs_ != nullptr) return fs_->read_at(name_, offset, out);
  if (!is_gzip(raw_)) {
    const ByteView rest = ByteView(raw_).subspan(std::min(offset, raw_.size()));
    const std::size_t n = std::min(rest.size(), out.size());
    std::copy_n(rest.begin(), n, out.begin());
    return n;
  }
  Inflater inflater(*this, raw_);
  Bytes skipped(std::min(offset, kFirstRoom));
  while (offset > 0) {
    const auto got = inflater.next(std::span(skipped).first(std::min(offset, skipped.size())));
    if (!got || *got == 0) return got;
    offset -= *got;
  }
  return inflater.next(out);
}

Result<Bytes> PackedFile::content(std::size_t limit) const {
  Bytes bytes;
  if (fs_ != nullptr || !is_gzip(raw_)) {
    bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(most(), limit)));
    const auto got = read(0, bytes);
    if (!got) return got.error();
    bytes.resize(*got);
    return bytes;
  }
  Inflater inflater(*this, raw_);
  for (std::size_t filled = 0; filled < limit;) {
    bytes.resize(std::min(limit, std::max(kFirstRoom, 2 * filled)));
    const auto got = inflater.next(std::span(bytes).subspan(filled));
    if (!got) return got.error();
    filled += *got;
    if (filled == bytes.size()) continue;
    bytes.resize(filled);
    break;
  }
  return bytes;
}

Error PackedFile::corrupt(std::size_t offset, const std::string& what) const {
  return {Errc::kCorrupt, name_ + ": byte " + std::to_string(offset) + ": " + what};
}

}  // namespace fedqat
