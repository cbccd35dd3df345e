#include "common/data/cifar.h"
#include "tests/fuzz/fuzz_inputs.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  SameFileFs fs(input(data, size));
  const auto split = load_cifar10(fs, "data");
  if (!split) return 0;
  for (const Dataset* part : {&split->train, &split->test}) {
    FEDQAT_CHECK(part->codes.size() == part->size() * part->shape.size());
    for (const auto label : part->labels) FEDQAT_CHECK(label < part->classes);
  }
  return 0;
}
