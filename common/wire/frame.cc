#include "common/wire/frame.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <google/protobuf/wire_format_lite.h>

#include <limits>
#include <string>

#include "common/base/check.h"

namespace fedqat {
namespace {

namespace pb = google::protobuf;

void write(const pb::Message& message, std::byte* out, std::size_t size) {
  FEDQAT_CHECK(size <= std::numeric_limits<int>::max());
  pb::io::ArrayOutputStream stream(out, static_cast<int>(size));
  pb::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeWithCachedSizes(&coded);
  FEDQAT_CHECK(!coded.HadError());
}

// Every length fits what is around it. Protobuf believes that of a message in a message, and takes
// up to 50 MB for a string in there before it finds out.
bool lengths_fit(const pb::Descriptor& type, pb::io::CodedInputStream& in, int depth) {
  using pb::internal::WireFormatLite;
  while (const std::uint32_t tag = in.ReadTag()) {
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&in, tag)) return false;
      continue;
    }
    int size = 0;
    if (!in.ReadVarintSizeAsInt(&size) || size > in.BytesUntilLimit()) return false;
    const auto* field = type.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
    if (field == nullptr || field->message_type() == nullptr) {
      if (!in.Skip(size)) return false;
      continue;
    }
    const auto outer = in.PushLimit(size);
    if (depth == 0 || !lengths_fit(*field->message_type(), in, depth - 1)) return false;
    in.PopLimit(outer);
  }
  return in.BytesUntilLimit() == 0;
}

bool lengths_fit(ByteView bytes, const pb::Message& message) {
  constexpr int kDepth = 16;  // our messages have 4
  pb::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                              static_cast<int>(bytes.size()));
  in.PushLimit(static_cast<int>(bytes.size()));
  return lengths_fit(*message.GetDescriptor(), in, kDepth);
}

}  // namespace

Bytes serialize(const pb::Message& message) {
  Bytes out(message.ByteSizeLong());
  write(message, out.data(), out.size());
  return out;
}

Result<void> parse(ByteView bytes, pb::Message& message) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !lengths_fit(bytes, message) ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Error{Errc::kCorrupt, message.GetTypeName() + " does not parse"};
  }
  return {};
}

Bytes make_frame(const pb::Message& message) {
  const std::size_t size = message.ByteSizeLong();
  FEDQAT_CHECK(kFrameHeader + size <= kMaxFrame);
  Bytes frame(kFrameHeader + size);
  for (std::size_t i = 0; i < kFrameHeader; ++i) frame[i] = std::byte(size >> (8 * i) & 255);
  write(message, frame.data() + kFrameHeader, size);
  return frame;
}

Result<std::size_t> frame_size(ByteView header) {
  if (header.size() < kFrameHeader) return Error{Errc::kCorrupt, "frame is cut in its length"};
  std::size_t size = 0;
  for (std::size_t i = 0; i < kFrameHeader; ++i) {
    size |= std::to_integer<std::size_t>(header[i]) << (8 * i);
  }
  if (size > kMaxFrame - kFrameHeader) {
    return Error{Errc::kCorrupt, "frame of " + std::to_string(size) + " bytes; at most " +
                                     std::to_string(kMaxFrame - kFrameHeader) + " are allowed"};
  }
  return kFrameHeader + size;
}

Result<void> parse_frame(ByteView frame, pb::Message& message) {
  const auto size = frame_size(frame);
  if (!size) return size.error();
  if (*size != frame.size()) {
    return Error{Errc::kCorrupt, "frame says " + std::to_string(*size) + " bytes and has " +
                                     std::to_string(frame.size())};
  }
  return parse(frame.subspan(kFrameHeader), message);
}

}  // namespace fedqat
