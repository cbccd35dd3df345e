#include "common/data/letters.h"

#include <catch2/catch.hpp>

#include "tests/common/data/files.h"
#include "tests/support/temp_dir.h"

using namespace fedqat;

namespace {

const std::string kRow = "T,2,8,3,5,1,8,13,0,6,6,10,8,0,8,0,8\n";

Result<DataSplit> load(const std::string& raw) {
  const TempDir dir;
  const auto fs = make_posix_fs();
  REQUIRE(fs->write_atomic(dir.path() / "letter-recognition.csv.gz", as_bytes(raw)));
  return load_letters(*fs, dir.path());
}

}  // namespace

TEST_CASE("letters: rows become codes, the last fifth is for testing") {
  std::string text;
  for (int i = 0; i < 9; ++i) text += kRow;
  text += "Z,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\r\n";
  for (const std::string& raw : {text, gzip(text)}) {
    const auto split = load(raw);
    REQUIRE(split);
    CHECK(split->train.size() == 8);
    CHECK(split->test.size() == 2);
    CHECK(split->train.labels[0] == 'T' - 'A');
    CHECK(split->train.sample(0)[6] == 13 * 17);
    CHECK(split->test.labels[1] == 25);
    CHECK(split->test.sample(1)[15] == 255);
  }
}

TEST_CASE("letters: a file cut at any length is refused unless whole rows remain") {
  std::string text;
  for (int i = 0; i < 6; ++i) text += kRow;
  for (std::size_t size = 0; size < text.size(); ++size) {
    const auto split = load(text.substr(0, size));
    CHECK(bool(split) == (size == 5 * kRow.size()));
    if (!split) CHECK_THAT(split.error().what, Catch::Contains("csv.gz: byte "));
  }
}

TEST_CASE("letters: bad rows are refused with their line") {
  for (const char* bad :
       {"t,1", ",", "\n", "A,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n",
        "A,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16\n", "A,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,-1\n",
        "A,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,1,1\n"}) {
    const auto split = load(kRow + bad);
    REQUIRE_FALSE(split);
    CHECK_THAT(split.error().what,
               Catch::Contains("byte " + std::to_string(kRow.size()) + ": line 2"));
  }
}
