// A message on a byte stream: u32 little-endian length, then that many bytes of Protobuf.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace google::protobuf {
class Message;
}

namespace fedqat {

inline constexpr std::size_t kFrameHeader = 4;
inline constexpr std::size_t kMaxFrame = std::size_t{1} << 20;  // header included

// kChecks that the message fits a frame. The same message gives the same bytes.
Bytes make_frame(const google::protobuf::Message& message);

// Bytes a frame takes whose first kFrameHeader bytes are `header`; kCorrupt when that is more than
// kMaxFrame. To be asked before anything is read or stored.
Result<std::size_t> frame_size(ByteView header);

// The message of a whole frame, nothing behind it. kCorrupt.
Result<void> parse_frame(ByteView frame, google::protobuf::Message& message);

// Plain Protobuf without a length, deterministic.
Bytes serialize(const google::protobuf::Message& message);
Result<void> parse(ByteView bytes, google::protobuf::Message& message);

}  // namespace fedqat
