// Checks that the message decoders share. Part of common/wire only.
#pragma once

#include <cmath>
#include <cstring>
#include <optional>
#include <string>

#include "common/base/fs.h"
#include "common/base/result.h"
#include "common/crypto/sha256.h"

namespace fedqat {

inline Error bad_field(std::string_view field, std::string_view what) {
  return {Errc::kInvalid, std::string(field) + " " + std::string(what)};
}

inline bool in_range(float v, float below) { return v >= 0 && v < below; }  // false for NaN

inline std::optional<Digest> digest_of(const std::string& bytes) {
  Digest digest;
  if (bytes.size() != digest.size()) return std::nullopt;
  std::memcpy(digest.data(), bytes.data(), digest.size());
  return digest;
}

inline std::string text_of(ByteView bytes) { return std::string(as_text(bytes)); }

inline Bytes bytes_of(const std::string& text) {
  const ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

}  // namespace fedqat
