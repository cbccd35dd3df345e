// The data folder of tests: FEDQAT_DATA, or shared/data beside the source tree.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace fedqat {

// Empty if neither has `name` in it. Needs FEDQAT_SOURCE_DIR from CMake.
inline std::filesystem::path shared_data(const char* name) {
  const char* env = std::getenv("FEDQAT_DATA");
  const std::filesystem::path dir =
      env != nullptr ? std::filesystem::path(env)
                     : std::filesystem::path(FEDQAT_SOURCE_DIR) / "../shared/data";
  return std::filesystem::exists(dir / name) ? dir : std::filesystem::path();
}

}  // namespace fedqat

// Leaves the test with a message if `dir` is empty.
#define FEDQAT_SKIP_WITHOUT(dir, name)                                    \
  if ((dir).empty()) {                                                    \
    WARN("skipped: no folder " name " in FEDQAT_DATA or ../shared/data"); \
    return;                                                               \
  }
