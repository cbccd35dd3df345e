#include "common/base/fs.h"
#include "common/wire/config.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = parse_config(as_text(input(data, size)), "fuzz.toml", {});
  if (!config) {
    FEDQAT_CHECK(config.error().code == Errc::kInvalid);
    return 0;
  }
  const std::string text = effective_toml(*config);
  const auto again = parse_config(text, "again.toml", {});
  FEDQAT_CHECK(again);
  FEDQAT_CHECK(effective_toml(*again) == text);
  return 0;
}
