#include "common/base/fs.h"
#include "common/wire/enrollment.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto token = parse_enrollment_token(as_text(input(data, size)));
  if (!token) {
    FEDQAT_CHECK(token.error().code == Errc::kInvalid);
    return 0;
  }
  const std::string text = to_text(*token);
  FEDQAT_CHECK(as_text(input(data, size)).find(text) != std::string_view::npos);  // one text each
  const auto again = parse_enrollment_token(text);
  FEDQAT_CHECK(again && *again == *token);
  return 0;
}
