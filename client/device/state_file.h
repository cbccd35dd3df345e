// The frame of a file in a device's folder: every bit of it is checked when it is read.
//
//   0   8   magic, names the kind of file      frozen on disk, as the layouts of the payloads
//   8   4   format, u32 LE: 1
//   12  4   0
//   16  8   length of the payload, u64 LE: the file ends behind it
//   24  32  SHA-256 of bytes 0..23 and the payload
//   56      payload
#pragma once

#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace fedqat {

inline constexpr std::size_t kStateHeader = 56;

Bytes seal_state(std::string_view magic, ByteView payload);  // magic: 8 characters
// The payload, which points into `file`. kCorrupt: cut, changed, or of another kind or format.
Result<ByteView> open_state(std::string_view magic, ByteView file);

}  // namespace fedqat
