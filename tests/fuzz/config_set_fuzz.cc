#include "common/base/fs.h"
#include "common/wire/config.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

// The values of --set, one a line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(input(data, size));
  std::vector<std::string> assignments;
  for (std::size_t at = 0; at < text.size() && assignments.size() < 16;) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    assignments.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  const auto config = parse_config("", "empty.toml", assignments);
  if (!config) {
    FEDQAT_CHECK(config.error().code == Errc::kInvalid);
    return 0;
  }
  const std::string toml = effective_toml(*config);
  const auto again = parse_config(toml, "again.toml", {});
  FEDQAT_CHECK(again && effective_toml(*again) == toml);
  return 0;
}
