#include <algorithm>

#include "common/wire/frame.h"
#include "common/wire/messages.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

namespace {

// The frame with a field that nobody knows, behind all others: with it Protobuf reads uploads too.
Bytes for_protobuf(ByteView frame) {
  Bytes out(frame.begin(), frame.end());
  out.insert(out.end(), {std::byte{0xF8}, std::byte{0x7F}, std::byte{1}});  // 2047: 1
  const std::size_t length = out.size() - kFrameHeader;
  for (std::size_t i = 0; i < kFrameHeader; ++i) out[i] = std::byte(length >> (8 * i) & 255);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView frame = input(data, size);
  const auto message = decode_request(frame);
  if (!message) return 0;
  if (frame.size() + 3 <= kMaxFrame) {
    const auto other = decode_request(ByteView(for_protobuf(frame)));
    FEDQAT_CHECK(other && encode_request(*message) == encode_request(*other));
  }
  const Bytes again = encode_request(*message);  // what is accepted travels on, unchanged
  const auto back = decode_request(again);
  FEDQAT_CHECK(back);
  FEDQAT_CHECK(encode_request(*back) == again);
  return 0;
}
