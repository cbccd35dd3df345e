#include "common/data/cifar.h"

#include <catch2/catch.hpp>

#include "tests/common/data/files.h"
#include "tests/support/temp_dir.h"

using namespace fedqat;

namespace {

std::string record(char label) {
  return label + std::string(1024, 'r') + std::string(1024, 'g') + std::string(1024, 'b');
}

struct Folder {
  TempDir dir;
  std::unique_ptr<Fs> fs = make_posix_fs();

  void put(const std::string& name, const std::string& raw) {
    REQUIRE(fs->write_atomic(dir.path() / name, as_bytes(raw)));
  }
  Result<DataSplit> load() { return load_cifar10(*fs, dir.path()); }
};

}  // namespace

TEST_CASE("cifar: planes become channels of each pixel, in both layouts of files") {
  Folder folder;
  folder.put("train_subset_10k.bin.gz", gzip(record(3) + record(9)));
  folder.put("test_subset_2k.bin", record(1));
  auto split = folder.load();
  REQUIRE(split);
  CHECK(split->train.shape == Shape{32, 32, 3});
  CHECK(split->train.labels == std::vector<std::uint8_t>{3, 9});
  CHECK(split->test.size() == 1);
  for (std::size_t i = 0; i < 3072; i += 3) {
    const auto sample = split->train.sample(1).subspan(i, 3);
    REQUIRE((sample[0] == 'r' && sample[1] == 'g' && sample[2] == 'b'));
  }
  for (char i = 1; i <= 5; ++i) {
    folder.put("data_batch_" + std::to_string(i) + ".bin", record(i));
  }
  folder.put("test_batch.bin.gz", gzip(record(0) + record(0)));
  split = folder.load();
  REQUIRE(split);
  CHECK(split->train.labels == std::vector<std::uint8_t>{1, 2, 3, 4, 5});
  CHECK(split->test.size() == 2);
}

TEST_CASE("cifar: cut files and labels out of range are refused with the place") {
  Folder folder;
  folder.put("test_subset_2k.bin", record(1));
  const std::string whole = record(1) + record(2);
  for (std::size_t size = 0; size < whole.size(); size += size < 3080 && size > 3060 ? 1 : 17) {
    if (size == 3073) continue;
    folder.put("train_subset_10k.bin", whole.substr(0, size));
    const auto split = folder.load();
    REQUIRE_FALSE(split);
    CHECK(split.error().code == Errc::kCorrupt);
    CHECK_THAT(split.error().what,
               Catch::Contains("train_subset_10k.bin: byte " + std::to_string(size) + ": "));
  }
  folder.put("train_subset_10k.bin", record(1) + record(10));
  const auto split = folder.load();
  REQUIRE_FALSE(split);
  CHECK_THAT(split.error().what, Catch::Contains("byte 3073: label 10, expected 0 to 9"));
}
