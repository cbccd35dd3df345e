// A data set by its name in configs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "common/base/fs.h"
#include "common/data/dataset.h"

namespace fedqat {

struct DataRequest {
  std::string name = "digits";     // digits, letters, mnist, fashion-mnist, cifar10, har, idx
  std::filesystem::path dir = {};  // searched first; may be empty
  std::uint32_t max_train = 0;     // use the first so many; 0 is all
  std::uint32_t max_test = 0;
};

// Where data is searched after DataRequest::dir.
struct DataFolders {
  std::filesystem::path user;                            // FEDQAT_DATA; may be empty
  std::filesystem::path system = "/usr/share/datasets";  // Debian's dataset-* packages
};
DataFolders data_folders_from_env();

// Tries <folder>/<name> and <folder> itself for each folder; "digits" is built in and reads none.
// kInvalid: unknown name. kNotFound: lists where it looked, or says that request.dir is not there.
// kCorrupt: file, byte, what was expected. kIo.
Result<DataSplit> load_data(Fs& fs, const DataRequest& request,
                            const DataFolders& folders = data_folders_from_env());

// SHA-256 in hex over train, then test: height, width, channels, classes, number of samples and of
// owners as little-endian uint64, codes, labels, owners as little-endian uint32. The same for the
// same samples in whatever format.
std::string content_sha256(const DataSplit& split);

}  // namespace fedqat
