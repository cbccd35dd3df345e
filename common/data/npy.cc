#include "common/data/npy.h"

#include <charconv>
#include <string>

#include "common/data/packed_file.h"

namespace fedqat {
namespace {

constexpr std::string_view kMagic("\x93NUMPY\x01\x00", 8);
constexpr std::size_t kHead = 10;  // magic, version, length of the header
constexpr std::size_t kMaxBytes = std::size_t{1} << 28;

// The text behind `key` in the header's dictionary, without leading spaces; empty: no such key.
std::string_view value_of(std::string_view header, std::string_view key) {
  const std::size_t at = header.find(key);
  if (at == std::string_view::npos) return {};
  std::string_view value = header.substr(at + key.size());
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return value;
}

// "(7767, 128, 6)" or "(7767,)"; empty when it is neither, or an array of none or of too many.
std::vector<std::size_t> parse_shape(std::string_view text) {
  std::vector<std::size_t> dims;
  if (!text.starts_with('(')) return {};
  std::size_t total = 1;
  for (text.remove_prefix(1); !text.starts_with(')');) {
    std::size_t dim = 0;
    const auto number = std::from_chars(text.data(), text.data() + text.size(), dim);
    if (number.ec != std::errc() || dim == 0 || dim > kMaxBytes / total || dims.size() == 4) {
      return {};
    }
    total *= dim;
    dims.push_back(dim);
    text.remove_prefix(static_cast<std::size_t>(number.ptr - text.data()));
    if (text.starts_with(',')) text.remove_prefix(1);
    if (text.starts_with(' ')) text.remove_prefix(1);
  }
  return dims;
}

}  // namespace

Result<NpyArray> read_npy(Fs& fs, const std::filesystem::path& path, std::string_view descr) {
  const auto file = PackedFile::open(fs, path);
  if (!file) return file.error();
  auto content = file->content(kMaxBytes);
  if (!content) return content.error();
  const std::string_view text = as_text(*content);
  if (!text.starts_with(kMagic) || text.size() < kHead) {
    return file->corrupt(0, "expected a NumPy array, version 1.0");
  }
  const std::size_t length =
      static_cast<unsigned char>(text[8]) | std::size_t{static_cast<unsigned char>(text[9])} << 8;
  if (text.size() - kHead < length) return file->corrupt(text.size(), "the header is cut");
  const std::string_view header = text.substr(kHead, length);
  const std::string type = "'" + std::string(descr) + "'";
  if (!value_of(header, "'descr':").starts_with(type)) {
    return file->corrupt(kHead, "expected elements of type " + type);
  }
  if (!value_of(header, "'fortran_order':").starts_with("False")) {
    return file->corrupt(kHead, "expected C order");
  }
  NpyArray array{parse_shape(value_of(header, "'shape':")), {}};
  if (array.dims.empty()) return file->corrupt(kHead, "expected a shape of 1 to 4 dimensions");
  std::size_t want = descr == "|u1" ? 1 : 2;
  for (const std::size_t dim : array.dims) want *= dim;
  const std::size_t got = text.size() - kHead - length;
  if (got != want) {
    return file->corrupt(text.size(), "the file has " + std::to_string(got) +
                                          " bytes of elements, its shape asks for " +
                                          std::to_string(want) + "; download it again");
  }
  content->erase(content->begin(), content->begin() + static_cast<std::ptrdiff_t>(kHead + length));
  array.elements = std::move(*content);
  return array;
}

}  // namespace fedqat
