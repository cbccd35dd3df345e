// CIFAR-10, binary layout: records of 1 label byte and 3 planes (red, green, blue) of 32 x 32.
#pragma once

#include <filesystem>

#include "common/base/fs.h"
#include "common/data/dataset.h"

namespace fedqat {

inline constexpr const char* kCifarMarkers[] = {"data_batch_1.bin", "train_subset_10k.bin"};

// Reads data_batch_1..5.bin and test_batch.bin or, where these are not there, train_subset_10k.bin
// and test_subset_2k.bin; each plain or .gz. Pixels become [32,32,3]; one grid for all channels.
// kCorrupt with file, byte and what was expected.
Result<DataSplit> load_cifar10(Fs& fs, const std::filesystem::path& dir);

}  // namespace fedqat
