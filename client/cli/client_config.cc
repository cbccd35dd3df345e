#include "client/cli/commands.h"
#include "common/wire/config.h"

namespace fedqat {

Result<wire::Config> client_config(Fs& fs, const InputOptions& input) {
  if (input.config.empty()) return parse_config("", "defaults", all_overrides(input));
  return load_config(fs, input);
}

}  // namespace fedqat
