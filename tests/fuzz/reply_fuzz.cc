#include "common/wire/messages.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message = decode_reply(input(data, size));
  if (!message) return 0;
  const Bytes again = encode_reply(*message);  // what is accepted travels on, unchanged
  const auto back = decode_reply(again);
  FEDQAT_CHECK(back);
  FEDQAT_CHECK(encode_reply(*back) == again);
  return 0;
}
