// What every fuzz target defines: one function that hands any bytes to one decoder. It returns for
// whatever the decoder says; what must not happen stops the process. replay_main.cc and libFuzzer
// both call it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/bytes.h"
#include "common/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fedqat {

inline ByteView input(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

}  // namespace fedqat
