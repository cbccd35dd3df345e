// HOST:PORT as people write it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace fedqat {

struct Place {
  std::string host;
  std::uint16_t port = 0;
};

// "fl.example.org:7444", "10.0.0.5:7444", "[::1]:7444". kInvalid.
Result<Place> parse_place(std::string_view text);

}  // namespace fedqat
