#include "common/data/idx.h"

#include <catch2/catch.hpp>

#include "tests/common/data/files.h"
#include "tests/support/temp_dir.h"

using namespace fedqat;

namespace {

const std::string kImages = idx({2, 2, 3}, "abcdefghijkl");
const std::string kLabels = idx({2}, {3, 9});
const IdxSpec kSpec = {"small", 10, InputGrid{}};

PackedFile file(const char* name, const std::string& raw) { return {name, to_bytes(raw)}; }

Result<Dataset> load(const std::string& images, const std::string& labels,
                     const IdxSpec& spec = kSpec) {
  return idx_dataset(file("images", images), file("labels", labels), nullptr, spec);
}

std::string refusal(const Result<Dataset>& r) {
  REQUIRE_FALSE(r);
  CHECK(r.error().code == Errc::kCorrupt);
  return r.error().what;
}

}  // namespace

TEST_CASE("idx: images, labels and writers are read, plain and packed") {
  for (const bool packed : {false, true}) {
    const auto wrap = [&](const std::string& s) { return packed ? gzip(s) : s; };
    const PackedFile writers = file("writers", wrap(idx_int({500, 70000})));
    const auto data =
        idx_dataset(file("images", wrap(kImages)), file("labels", wrap(kLabels)), &writers, kSpec);
    REQUIRE(data);
    CHECK(data->size() == 2);
    CHECK(data->shape == Shape{2, 3, 1});
    CHECK(data->sample(1)[0] == 'g');
    CHECK(data->labels == std::vector<std::uint8_t>{3, 9});
    CHECK(data->owners == std::vector<std::uint32_t>{500, 70000});
  }
}

TEST_CASE("idx: a file cut at any length is refused with the place of the cut") {
  for (std::size_t size = 0; size < kImages.size(); ++size) {
    const std::string cut = kImages.substr(0, size);
    const std::string what = refusal(load(cut, kLabels));
    CHECK_THAT(what, Catch::StartsWith("images: byte " + std::to_string(size) + ": the file ends"));
    CHECK_THAT(refusal(load(gzip(cut), kLabels)), Catch::StartsWith("images: byte "));
  }
  for (std::size_t size = 0; size < kLabels.size(); ++size) {
    CHECK_THAT(refusal(load(kImages, kLabels.substr(0, size))),
               Catch::StartsWith("labels: byte " + std::to_string(size) + ": "));
  }
}

TEST_CASE("idx: every flipped bit of the headers is refused") {
  for (std::size_t i = 0; i < 16 * 8; ++i) {
    std::string bad = kImages;
    bad[i / 8] = static_cast<char>(bad[i / 8] ^ (1 << (i % 8)));
    CHECK_THAT(refusal(load(bad, kLabels)), Catch::StartsWith("images: byte "));
    if (i >= 8 * 8) continue;
    bad = kLabels;
    bad[i / 8] = static_cast<char>(bad[i / 8] ^ (1 << (i % 8)));
    CHECK_THAT(refusal(load(kImages, bad)), Catch::StartsWith("labels: byte "));
  }
}

TEST_CASE("idx: refusals say what was expected and what to do") {
  CHECK_THAT(refusal(load(kLabels, kLabels)),
             Catch::Equals("images: byte 0: starts with 0x00000801, expected 0x00000803 (IDX, "
                           "unsigned bytes, rank 3); use the file of this name"));
  CHECK_THAT(refusal(load(kImages + "x", kLabels)),
             Catch::Equals("images: byte 28: the file goes on, expected its end after 2 x 2 x 3 "
                           "elements; download it again"));
  CHECK_THAT(refusal(load(kImages, idx({3}, "\1\2\3"))),
             Catch::Contains("labels: byte 4: 3 entries, expected 2"));
  CHECK_THAT(refusal(load(kImages, idx({2}, {3, 10}))),
             Catch::Contains("labels: byte 9: label 10, expected 0 to 9"));
  CHECK_THAT(refusal(load(idx({0, 2, 3}, ""), kLabels)), Catch::Contains("dimension 0 is 0"));
}

TEST_CASE("idx: a small file that declares huge dimensions costs no memory") {
  const std::string liar = idx({0xffff, 4096, 4096}, "abc");
  CHECK_THAT(refusal(load(liar, kLabels)), Catch::Contains("images: byte "));
  CHECK_THAT(refusal(load(gzip(liar), kLabels)), Catch::Contains("images: byte "));
}

TEST_CASE("idx: a folder gives classes, grid and owners of its own") {
  const TempDir dir;
  const auto fs = make_posix_fs();
  const auto put = [&](const char* name, const std::string& raw) {
    REQUIRE(fs->write_atomic(dir.path() / name, as_bytes(raw)));
  };
  put("train-images-idx3-ubyte.gz", gzip(idx({2, 1, 2}, {0, 100, 0, 100})));
  put("train-labels-idx1-ubyte", idx({2}, {3, 46}));
  put("t10k-images-idx3-ubyte", idx({1, 1, 2}, {7, 8}));
  put("t10k-labels-idx1-ubyte.gz", gzip(idx({1}, {46})));
  put("train-writers-idx1-int.gz", gzip(idx_int({8, 9})));
  const IdxSpec open = {"idx", 0, std::nullopt};
  const auto split = load_idx(*fs, dir.path(), open);
  REQUIRE(split);
  CHECK(split->train.classes == 47);
  CHECK(split->test.classes == 47);
  CHECK(split->train.grid == InputGrid{1.0F / 50, 50});
  CHECK(split->test.grid == split->train.grid);
  CHECK(split->train.owners.size() == 2);
  CHECK(split->test.owners.empty());

  put("t10k-images-idx3-ubyte", idx({1, 2, 1}, {7, 8}));
  const auto other = load_idx(*fs, dir.path(), open);
  REQUIRE_FALSE(other);
  CHECK_THAT(other.error().what, Catch::Contains("images of 2 x 1 pixels, expected 1 x 2"));
}
