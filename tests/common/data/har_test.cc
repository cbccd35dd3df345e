#include "common/data/har.h"

#include <catch2/catch.hpp>
#include <string>

#include "tests/common/data/files.h"
#include "tests/support/temp_dir.h"

using namespace fedqat;

namespace {

std::string npy(const std::string& descr, const std::string& shape, const std::string& elements) {
  std::string header =
      "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }";
  header.resize(118, ' ');
  return std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + elements;
}

struct Folder {
  TempDir dir;
  void put(const std::string& name, const std::string& bytes) {
    REQUIRE(make_posix_fs()->write_atomic(dir.path() / name, as_bytes(bytes)));
  }
  // Two windows, of which the second has label `label`.
  void put_part(const std::string& part, int label) {
    std::string windows(2 * 128 * 6 * 2, '\0');
    windows[0] = '\xd0';  // 720, of acceleration: 1 g
    windows[1] = '\x02';
    windows[6] = '\x00';  // -32768, of rotation
    windows[7] = '\x80';
    put(part + "_X_i16.npy.gz", gzip(npy("<i2", "(2, 128, 6)", windows)));
    put(part + "_y.npy", npy("|u1", "(2,)", std::string("\x03") + static_cast<char>(label)));
    put(part + "_subject.npy", npy("|u1", "(2,)", "\x07\x1e"));
  }
  Result<DataSplit> load() { return load_har(*make_posix_fs(), dir.path()); }
};

}  // namespace

TEST_CASE("har: windows become codes, rare activities are left out") {
  Folder folder;
  folder.put_part("train", 6);
  folder.put_part("test", 12);
  const auto split = folder.load();
  if (!split) FAIL(split.error().what);
  CHECK(split->train.size() == 2);
  CHECK(split->test.size() == 1);
  CHECK(split->train.shape == Shape{1, 128, 6});
  CHECK(split->train.labels == std::vector<std::uint8_t>{2, 5});
  CHECK(split->train.owners == std::vector<std::uint32_t>{7, 30});
  CHECK(split->train.codes[0] == 192);  // 128 + 127 / 2, half to even
  CHECK(split->train.codes[3] == 0);
  CHECK(split->train.codes[5] == 128);
  CHECK(split->train.grid == split->test.grid);
}

TEST_CASE("har: damaged files are refused by name") {
  Folder folder;
  folder.put_part("train", 6);
  folder.put_part("test", 1);
  const std::string good = npy("|u1", "(2,)", "\x01\x02");
  struct Row {
    std::string bytes, what;
  };
  for (const Row& row :
       {Row{good.substr(0, 5), "version 1.0"}, Row{good.substr(0, 60), "cut"},
        Row{good.substr(0, good.size() - 1), "asks for 2"}, Row{npy("<i4", "(2,)", "12"), "'|u1'"},
        Row{npy("|u1", "(3,)", "\x01\x02\x03"), "n labels"}, Row{npy("|u1", "()", "1"), "shape"},
        Row{npy("|u1", "(2", "12"), "shape"}, Row{npy("|u1", "(99999999999,)", "12"), "shape"},
        Row{npy("|u1", "(2,)", std::string(2, '\x09')), "no label"}}) {
    folder.put("test_y.npy", row.bytes);
    const auto split = folder.load();
    REQUIRE_FALSE(split);
    CHECK(split.error().code == Errc::kCorrupt);
    CHECK_THAT(split.error().what, Catch::Contains("test_") && Catch::Contains(row.what));
  }
}
