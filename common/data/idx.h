// IDX, the format of MNIST, Fashion-MNIST and EMNIST: two zero bytes, element type, rank, one
// big-endian uint32 a dimension, then the elements row by row.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/data/dataset.h"
#include "common/data/packed_file.h"

namespace fedqat {

enum class IdxType : std::uint8_t { kU8 = 0x08, kI32 = 0x0c };

struct IdxArray {
  std::vector<std::uint32_t> dims;
  std::vector<std::uint8_t> bytes;  // the elements', kI32 big-endian
  std::size_t header = 0;           // bytes before them in the file
};

// kCorrupt with file, byte and what was expected: other type or rank, cut, or too long.
Result<IdxArray> read_idx(const PackedFile& file, IdxType type, int rank);

struct IdxSpec {
  std::string name;
  int classes = 0;                // 0: largest label of the training part + 1
  std::optional<InputGrid> grid;  // none: from mean and deviation of the training part
};

// One part from its files; `writers` may be null. Leaves grid alone.
Result<Dataset> idx_dataset(const PackedFile& images, const PackedFile& labels,
                            const PackedFile* writers, const IdxSpec& spec);

// A folder with train- and t10k-images-idx3-ubyte, -labels-idx1-ubyte and perhaps
// -writers-idx1-int, each plain or .gz.
inline constexpr const char* kIdxMarker = "train-images-idx3-ubyte";
Result<DataSplit> load_idx(Fs& fs, const std::filesystem::path& dir, const IdxSpec& spec);

}  // namespace fedqat
