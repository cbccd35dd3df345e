#include "common/wire/config.h"

#include "common/base/fs.h"
#include "common/wire/config_checks.h"

namespace fedqat {

Result<wire::Config> parse_config(std::string_view toml, std::string_view file,
                                  std::span<const std::string> overrides, Places* where) {
  wire::Config config;
  Places own;
  Places& places = where == nullptr ? own : *where;
  if (auto r = read_toml(toml, file, config, places); !r) return r.error();
  for (const std::string& assignment : overrides) {
    if (auto r = read_override(assignment, config, places); !r) return r.error();
  }
  if (auto r = check_config(config, file, places); !r) return r.error();
  return config;
}

Digest config_hash(const wire::Config& config) {
  wire::Config c = config;
  c.clear_sim();
  c.clear_compare();
  c.clear_deploy();
  c.clear_duty();
  c.mutable_data()->clear_dir();
  return sha256(as_bytes(effective_toml(c)));
}

}  // namespace fedqat
