#include "common/data/npy.h"
#include "tests/fuzz/fuzz_inputs.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  SameFileFs fs(input(data, size));
  const auto array = read_npy(fs, "data", "<i2");
  if (!array) return 0;
  std::size_t elements = 2;
  for (const std::size_t dim : array->dims) elements *= dim;
  FEDQAT_CHECK(array->elements.size() == elements);
  return 0;
}
