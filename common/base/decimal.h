// Numbers as text for people and files.
#pragma once

#include <string>

namespace fedqat {

// The fewest significant digits (1 to 17) that read back as the same double: "0.1", "20000",
// "1e-07", "inf". With a point whatever the locale of the process, as long as nothing calls
// setlocale. Instead of std::to_chars, whose tables take 130 KB of a client that has 8 MB.
std::string decimal(double x);

}  // namespace fedqat
