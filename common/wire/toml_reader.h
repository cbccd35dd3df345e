// Fills a Config from TOML text or from one "--set" assignment, checking each key by itself.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/wire/config.pb.h"

namespace fedqat {

// Where each key was given: "quickstart.toml:12:9" or "--set client.batch=64". Elements of an array
// of tables are named "model.layers[0]".
using Places = std::map<std::string, std::string, std::less<>>;

// kInvalid: syntax, unknown key, wrong type, out of bounds; "place: reason; remedy".
Result<void> read_toml(std::string_view toml, std::string_view file, wire::Config& config,
                       Places& places);
Result<void> read_override(std::string_view assignment, wire::Config& config, Places& places);

}  // namespace fedqat
