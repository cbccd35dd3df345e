#include "common/data/cifar.h"

#include <string>
#include <vector>

#include "common/data/input_grid.h"
#include "common/data/packed_file.h"

namespace fedqat {
namespace {

constexpr std::size_t kPlane = 32 * 32;
constexpr std::size_t kRecord = 1 + 3 * kPlane;
constexpr std::size_t kMaxRecords = 60000;  // in one file
constexpr int kClasses = 10;

Result<void> append(const PackedFile& file, Dataset& data) {
  const auto content = file.content(kMaxRecords * kRecord + 1);
  if (!content) return content.error();
  const std::size_t records = content->size() / kRecord;
  if (records == 0 || content->size() % kRecord != 0 || records > kMaxRecords) {
    return file.corrupt(content->size(), "the file ends, expected 1 to " +
                                             std::to_string(kMaxRecords) + " records of " +
                                             std::to_string(kRecord) + " bytes; download it again");
  }
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(content->data());
  for (std::size_t r = 0; r < records; ++r) {
    const std::uint8_t* record = bytes + r * kRecord;
    if (record[0] >= kClasses) {
      return file.corrupt(r * kRecord, "label " + std::to_string(record[0]) +
                                           ", expected 0 to 9; use the CIFAR-10 binary version");
    }
    data.labels.push_back(record[0]);
    for (std::size_t i = 0; i < kPlane; ++i) {
      for (std::size_t c = 0; c < 3; ++c) data.codes.push_back(record[1 + c * kPlane + i]);
    }
  }
  return {};
}

Result<Dataset> read_part(Fs& fs, const std::filesystem::path& dir,
                          const std::vector<std::string>& names) {
  Dataset data;
  data.name = "cifar10";
  data.shape = {32, 32, 3};
  data.classes = kClasses;
  data.grid = make_input_grid(0.473, 0.252);
  for (const std::string& name : names) {
    const auto file = PackedFile::open(fs, dir / name);
    if (!file) return file.error();
    if (auto r = append(*file, data); !r) return r.error();
  }
  return data;
}

}  // namespace

Result<DataSplit> load_cifar10(Fs& fs, const std::filesystem::path& dir) {
  const bool whole = PackedFile::exists(fs, dir / kCifarMarkers[0]);
  std::vector<std::string> train_names = {kCifarMarkers[1]};
  if (whole) {
    train_names.clear();
    for (char i = '1'; i <= '5'; ++i)
      train_names.push_back(std::string("data_batch_") + i + ".bin");
  }
  auto train = read_part(fs, dir, train_names);
  if (!train) return train.error();
  auto test = read_part(fs, dir, {whole ? "test_batch.bin" : "test_subset_2k.bin"});
  if (!test) return test.error();
  return DataSplit{*std::move(train), *std::move(test), {}};
}

}  // namespace fedqat
