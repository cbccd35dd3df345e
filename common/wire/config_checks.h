// What keys demand of each other, after each was checked by itself.
#pragma once

#include <string_view>

#include "common/base/result.h"
#include "common/wire/config.pb.h"
#include "common/wire/toml_reader.h"

namespace fedqat {

// kInvalid with the place of a key involved: an override if there is one, else the first that was
// given, or `file` where none was.
Result<void> check_config(const wire::Config& config, std::string_view file, const Places& places);

// Do warm-up and freeze leave a round in which scales are learnt? Always in fp32 runs.
bool phases_fit(const wire::Config& config);

}  // namespace fedqat
