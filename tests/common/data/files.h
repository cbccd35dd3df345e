// Small data files made in tests.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/fs.h"

namespace fedqat {

inline std::string gzip(const std::string& plain) {
  z_stream z{};
  FEDQAT_CHECK(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed(deflateBound(&z, plain.size()) + 32, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  z.avail_in = static_cast<uInt>(plain.size());
  z.next_out = reinterpret_cast<Bytef*>(packed.data());
  z.avail_out = static_cast<uInt>(packed.size());
  FEDQAT_CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
  const std::size_t size = z.total_out;
  deflateEnd(&z);
  return packed.substr(0, size);
}

inline std::string big_endian(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

// IDX of one-byte elements.
inline std::string idx(const std::vector<std::uint32_t>& dims, const std::string& elements) {
  std::string file = {0, 0, 8, static_cast<char>(dims.size())};
  for (const std::uint32_t d : dims) file += big_endian(d);
  return file + elements;
}

inline std::string idx_int(const std::vector<std::uint32_t>& values) {
  std::string file = {0, 0, 12, 1};
  file += big_endian(static_cast<std::uint32_t>(values.size()));
  for (const std::uint32_t v : values) file += big_endian(v);
  return file;
}

inline Bytes to_bytes(const std::string& text) {
  const ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

}  // namespace fedqat
