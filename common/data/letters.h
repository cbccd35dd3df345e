// UCI letter recognition: 20,000 rows of a capital letter and 16 features 0..15, as CSV.
#pragma once

#include <filesystem>

#include "common/base/fs.h"
#include "common/data/dataset.h"

namespace fedqat {

inline constexpr const char* kLettersMarker = "letter-recognition.csv";

// Reads letter-recognition.csv[.gz]. A code is 17 times the feature, a sample is [1,1,16], the
// class is letter - 'A'. The first four fifths (16,000) are the training part, as usual.
// kCorrupt with file, byte, line and what was expected.
Result<DataSplit> load_letters(Fs& fs, const std::filesystem::path& dir);

}  // namespace fedqat
