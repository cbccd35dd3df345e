#include "common/wire/frame.h"
#include "common/wire/protocol.pb.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView frame = input(data, size);
  if (size >= kFrameHeader) {
    const auto whole = frame_size(frame.first(kFrameHeader));
    FEDQAT_CHECK(!whole || *whole <= kMaxFrame);
  }
  wire::Request message;
  if (parse_frame(frame, message)) {
    wire::Request again;
    FEDQAT_CHECK(parse_frame(make_frame(message), again));
  }
  return 0;
}
