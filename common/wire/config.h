// TOML <-> Config, by reflection over config.proto.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/crypto/sha256.h"
#include "common/wire/config.pb.h"
#include "common/wire/toml_reader.h"

namespace fedqat {

// Parses `toml`, then applies `overrides` ("client.batch=64") in order, then checks every bound and
// what keys demand of each other. `file` is the name shown in errors. Errors are kInvalid:
//   quickstart.toml:12:1: unknown key 'client.bacth'; did you mean 'client.batch'?
// Keys that were not given keep has_x() == false; their defaults come from the accessors.
// `places`, if given, gets where each key stood.
Result<wire::Config> parse_config(std::string_view toml, std::string_view file,
                                  std::span<const std::string> overrides, Places* places = nullptr);

// Every key with its value, as TOML that parse_config() reads back to an equal Config.
std::string effective_toml(const wire::Config& config);

// The schema as a commented TOML file: documentation, bounds and default of every key.
std::string schema_toml();

// The same as the page docs/configuration.md.
std::string schema_markdown();

// What two machines compare to know that they mean the same run: keys that cannot change the result
// (sim, compare, deploy, duty, folders) are left out.
Digest config_hash(const wire::Config& config);

}  // namespace fedqat
