#include "common/data/packed_file.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kLimit = std::size_t{1} << 18;
  const ByteView bytes = input(data, size);
  const PackedFile file("fuzz", Bytes(bytes.begin(), bytes.end()));
  const auto content = file.content(kLimit);
  if (content) FEDQAT_CHECK(content->size() <= kLimit);
  return 0;
}
