// NumPy's .npy files, version 1.0, of small integers.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "common/base/fs.h"

namespace fedqat {

struct NpyArray {
  std::vector<std::size_t> dims;  // 1 to 4, each >= 1
  Bytes elements;                 // C order, little-endian
};

// Reads `path` or path + ".gz", whose elements must be of type `descr` ("|u1" or "<i2") and at most
// 2^28 bytes. kNotFound, kIo; kCorrupt with file, byte and what was expected.
Result<NpyArray> read_npy(Fs& fs, const std::filesystem::path& path, std::string_view descr);

}  // namespace fedqat
