#include "common/data/idx.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes = input(data, size);
  const PackedFile file("fuzz", Bytes(bytes.begin(), bytes.end()));
  if (const auto images = read_idx(file, IdxType::kU8, 3)) {
    FEDQAT_CHECK(images->bytes.size() ==
                 std::uint64_t{images->dims[0]} * images->dims[1] * images->dims[2]);
  }
  (void)static_cast<bool>(read_idx(file, IdxType::kI32, 1));
  // A few bytes of labels, then images.
  if (size < 16) return 0;
  const PackedFile labels("labels", Bytes(bytes.begin(), bytes.begin() + 10));
  const PackedFile images("images", Bytes(bytes.begin() + 10, bytes.end()));
  if (const auto set = idx_dataset(images, labels, nullptr, {"fuzz", 0, {}})) {
    FEDQAT_CHECK(set->codes.size() == set->size() * set->shape.size());
    for (const auto label : set->labels) FEDQAT_CHECK(label < set->classes);
  }
  return 0;
}
