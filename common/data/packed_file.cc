#include "common/data/packed_file.h"

#include <zlib.h>

#include <algorithm>

namespace fedqat {
namespace {

bool is_gzip(ByteView raw) {
  return raw.size() >= 2 && raw[0] == std::byte{0x1f} && raw[1] == std::byte{0x8b};
}

// The content starts with room for this much and doubles as it fills, so that memory follows what
// is there and not what a small file could unpack to (deflate: up to 1032 times its size).
constexpr std::size_t kFirstRoom = std::size_t{1} << 16;

class Inflater {
 public:
  Inflater() { FEDQAT_CHECK(inflateInit2(&z_, 15 + 16) == Z_OK); }  // 16: gzip header and CRC
  ~Inflater() { inflateEnd(&z_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Inflates raw, member after member, to at most `limit` bytes.
  Result<Bytes> run(const PackedFile& file, ByteView raw, std::size_t limit) {
    Bytes out;
    std::size_t used = 0;
    std::size_t filled = 0;
    while (filled < limit) {
      if (filled == out.size()) out.resize(std::min(limit, std::max(kFirstRoom, 2 * filled)));
      constexpr std::size_t kStep = std::size_t{1} << 30;  // zlib counts in 32 bits
      const auto in_step = static_cast<uInt>(std::min(raw.size() - used, kStep));
      const auto out_step = static_cast<uInt>(std::min(out.size() - filled, kStep));
      z_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(raw.data() + used));
      z_.avail_in = in_step;
      z_.next_out = reinterpret_cast<Bytef*>(out.data() + filled);
      z_.avail_out = out_step;
      const int code = inflate(&z_, Z_NO_FLUSH);
      used += in_step - z_.avail_in;
      filled += out_step - z_.avail_out;
      if (code == Z_STREAM_END) {
        if (used == raw.size()) break;
        inflateReset(&z_);
      } else if (code == Z_BUF_ERROR) {
        return file.corrupt(filled, "the gzip stream ends early; download the file again");
      } else if (code != Z_OK) {
        const std::string why = z_.msg != nullptr ? z_.msg : "inflate fails";
        return file.corrupt(filled, "the gzip stream is damaged at byte " + std::to_string(used) +
                                        " of the file (" + why + "); download the file again");
      }
    }
    out.resize(filled);
    return out;
  }

 private:
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
  auto raw = fs.read(found);
  if (!raw) return raw.error();
  return PackedFile(found.string(), *std::move(raw));
}

bool PackedFile::exists(Fs& fs, const std::filesystem::path& path) {
  return fs.exists(path) || fs.exists(path.string() + ".gz");
}

Result<Bytes> PackedFile::content(std::size_t limit) const {
  if (!is_gzip(raw_)) {
    return Bytes(raw_.begin(),
                 raw_.begin() + static_cast<std::ptrdiff_t>(std::min(limit, raw_.size())));
  }
  return Inflater().run(*this, raw_, limit);
}

Error PackedFile::corrupt(std::size_t offset, const std::string& what) const {
  return {Errc::kCorrupt, name_ + ": byte " + std::to_string(offset) + ": " + what};
}

}  // namespace fedqat
