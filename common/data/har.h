// Human activity from a smartphone's raw accelerometer and gyroscope [Reyes-Ortiz15, HAPT]: windows
// of 128 samples at 50 Hz of six channels, 30 people.
#pragma once

#include <filesystem>

#include "common/base/fs.h"
#include "common/data/dataset.h"

namespace fedqat {

inline constexpr const char* kHarMarker = "train_X_i16.npy";

// Reads {train,test}_{X_i16,y,subject}.npy, each plain or .gz: int16 [n,128,6], uint8 [n], uint8
// [n]. The six basic activities (labels 1 to 6) become classes 0 to 5, windows of rarer ones are
// left out; a sample is [1,128,6]; owners are the subjects. A code is 128 + 127 v / full scale,
// clipped: 2 g of acceleration, 4 rad/s of rotation. kCorrupt with file, byte and what was
// expected.
Result<DataSplit> load_har(Fs& fs, const std::filesystem::path& dir);

}  // namespace fedqat
