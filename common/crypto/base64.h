// base64url without padding [RFC 4648, 5].
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"

namespace fedqat {

std::string to_base64url(ByteView bytes);

// Strict: nothing for other characters, padding, white space, an impossible length or bits behind
// the last byte that are not 0. Each value so has exactly one text.
std::optional<Bytes> from_base64url(std::string_view text);

}  // namespace fedqat
