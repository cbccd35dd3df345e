#include "coordinator/run_state.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

namespace {

void decode(ByteView bytes) {
  const auto state = decode_run_state(bytes);
  if (!state) {
    FEDQAT_CHECK(state.error().code == Errc::kCorrupt);
    return;
  }
  const Bytes again = encode_run_state(*state);
  const auto back = decode_run_state(again);
  FEDQAT_CHECK(back && encode_run_state(*back) == again);
}

}  // namespace

// The bytes as they are, then as a body with the right SHA-256.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView body = input(data, size);
  decode(body);
  const Digest digest = sha256(body);
  Bytes whole(digest.begin(), digest.end());
  whole.insert(whole.end(), body.begin(), body.end());
  decode(whole);
  return 0;
}
