#include "common/data/load.h"

#include <catch2/catch.hpp>
#include <set>

#include "tests/common/data/files.h"
#include "tests/support/shared_data.h"
#include "tests/support/temp_dir.h"

using namespace fedqat;

namespace {

const DataFolders kNowhere = {"", "/nonexistent"};

void put_idx(Fs& fs, const std::filesystem::path& dir, bool packed) {
  REQUIRE(fs.make_dirs(dir));
  const auto put = [&](const char* name, const std::string& raw) {
    REQUIRE(fs.write_atomic(dir / (std::string(name) + (packed ? ".gz" : "")),
                            as_bytes(packed ? gzip(raw) : raw)));
  };
  put("train-images-idx3-ubyte", idx({3, 1, 2}, "abcdef"));
  put("train-labels-idx1-ubyte", idx({3}, {1, 2, 0}));
  put("train-writers-idx1-int", idx_int({5, 5, 6}));
  put("t10k-images-idx3-ubyte", idx({2, 1, 2}, "ghij"));
  put("t10k-labels-idx1-ubyte", idx({2}, {0, 1}));
}

}  // namespace

TEST_CASE("load: an unknown name lists the known ones") {
  const auto fs = make_posix_fs();
  const auto split = load_data(*fs, {.name = "imagenet"}, kNowhere);
  REQUIRE_FALSE(split);
  CHECK(split.error().code == Errc::kInvalid);
  CHECK_THAT(split.error().what, Catch::Contains("digits, letters, mnist"));
}

TEST_CASE("load: digits needs no folder") {
  const auto fs = make_posix_fs();
  const auto split = load_data(*fs, {.name = "digits", .max_train = 100}, kNowhere);
  REQUIRE(split);
  CHECK(split->train.size() == 100);
  CHECK(split->train.codes.size() == 6400);
  CHECK(split->test.size() == 360);
  CHECK(split->sha256 == load_data(*fs, {.name = "digits"}, kNowhere)->sha256);
}

TEST_CASE("load: the request's folder comes before FEDQAT_DATA and the system's") {
  const TempDir dir;
  const auto fs = make_posix_fs();
  const auto typo = load_data(*fs, {.name = "mnist", .dir = dir.path() / "y"}, kNowhere);
  REQUIRE_FALSE(typo);
  CHECK_THAT(typo.error().what, Catch::Contains("/y: this data folder is not there"));
  REQUIRE(fs->make_dirs(dir.path() / "x"));
  const auto missing =
      load_data(*fs, {.name = "fashion-mnist", .dir = dir.path() / "x"}, {dir.path(), "/sys-data"});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::kNotFound);
  CHECK_THAT(missing.error().what, Catch::Contains((dir.path() / "x/fashion-mnist").string()) &&
                                       Catch::Contains("/sys-data/fashion-mnist") &&
                                       Catch::Contains("dataset-fashion-mnist"));
  put_idx(*fs, dir.path() / "x/mnist", false);
  for (const auto& place : {dir.path() / "x", dir.path() / "x/mnist"}) {
    CHECK(load_data(*fs, {.name = "mnist", .dir = place}, kNowhere));
    CHECK(load_data(*fs, {.name = "mnist"}, {place, "/nonexistent"}));
    CHECK(load_data(*fs, {.name = "mnist"}, {"", place}));
  }
  // The same file names, another data set.
  CHECK_FALSE(load_data(*fs, {.name = "fashion-mnist"}, {dir.path() / "x/mnist", "/nonexistent"}));
}

TEST_CASE("load: the hash is of the samples, not of their format or of a limit") {
  const TempDir dir;
  const auto fs = make_posix_fs();
  put_idx(*fs, dir.path() / "plain", false);
  put_idx(*fs, dir.path() / "packed", true);
  const auto plain = load_data(*fs, {.name = "idx", .dir = dir.path() / "plain"}, kNowhere);
  const auto packed = load_data(
      *fs, {.name = "idx", .dir = dir.path() / "packed", .max_train = 2, .max_test = 1}, kNowhere);
  REQUIRE(plain);
  REQUIRE(packed);
  CHECK(plain->sha256 == packed->sha256);
  CHECK(plain->sha256 == content_sha256(*plain));
  CHECK(packed->train.size() == 2);
  CHECK(packed->train.owners.size() == 2);
  CHECK(packed->test.size() == 1);
  DataSplit other = *plain;
  other.train.labels[0] ^= 1;
  CHECK(content_sha256(other) != plain->sha256);
}

TEST_CASE("load: MNIST with its writers") {
  const auto dir = shared_data("mnist");
  FEDQAT_SKIP_WITHOUT(dir, "mnist");
  const auto split = load_data(*make_posix_fs(), {.name = "mnist", .dir = dir}, kNowhere);
  REQUIRE(split);
  CHECK(split->train.size() == 60000);
  CHECK(split->test.size() == 10000);
  CHECK(split->train.shape == Shape{28, 28, 1});
  CHECK(std::set(split->train.owners.begin(), split->train.owners.end()).size() == 539);
  CHECK(std::set(split->test.owners.begin(), split->test.owners.end()).size() == 297);
  CHECK(std::count(split->train.labels.begin(), split->train.labels.end(), 1) == 6742);
}

TEST_CASE("load: CIFAR-10") {
  const auto dir = shared_data("cifar10");
  FEDQAT_SKIP_WITHOUT(dir, "cifar10");
  const auto split = load_data(*make_posix_fs(), {.name = "cifar10", .dir = dir}, kNowhere);
  REQUIRE(split);
  CHECK(split->train.size() == 10000);
  CHECK(split->test.size() == 2000);
  std::uint64_t red = 0;
  for (std::size_t i = 0; i < split->train.codes.size(); i += 3) red += split->train.codes[i];
  CHECK(static_cast<double>(red) / (1024.0 * 10000 * 255) == Approx(0.4913).margin(0.005));
}

TEST_CASE("load: letters") {
  const auto dir = shared_data("small-defaults");
  FEDQAT_SKIP_WITHOUT(dir, "small-defaults");
  const auto split = load_data(*make_posix_fs(), {.name = "letters", .dir = dir}, kNowhere);
  REQUIRE(split);
  CHECK(split->train.size() == 16000);
  CHECK(split->test.size() == 4000);
}

TEST_CASE("load: Debian's Fashion-MNIST") {
  if (!std::filesystem::exists("/usr/share/datasets/fashion-mnist")) {
    WARN("skipped: Debian's package dataset-fashion-mnist is not installed");
    return;
  }
  const auto split =
      load_data(*make_posix_fs(), {.name = "fashion-mnist"}, {"", "/usr/share/datasets"});
  REQUIRE(split);
  CHECK(split->train.size() == 60000);
  CHECK(std::count(split->train.labels.begin(), split->train.labels.end(), 9) == 6000);
}
