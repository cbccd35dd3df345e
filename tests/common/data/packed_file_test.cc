#include "common/data/packed_file.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/common/data/files.h"
#include "tests/support/temp_dir.h"

using namespace fedqat;

namespace {
const std::string kText(5000, 'x');
}

TEST_CASE("packed file: plain, gzip and gzip of two members give the same content") {
  const std::string half = kText.substr(0, 2500);
  for (const std::string& raw : {kText, gzip(kText), gzip(half) + gzip(half)}) {
    const PackedFile file("f", to_bytes(raw));
    for (const std::size_t limit : {0U, 1U, 4999U, 5000U, 5001U, 1000000U, 100000000U}) {
      const auto content = file.content(limit);
      REQUIRE(content);
      CHECK(as_text(*content) == kText.substr(0, limit));
    }
  }
}

TEST_CASE("packed file: read() gives the same bytes from memory, disk and gzip") {
  std::string text;
  for (std::uint32_t i = 0; i < 200000; ++i) text += static_cast<char>(i * i % 251);
  const TempDir dir;
  const auto fs = make_posix_fs();
  REQUIRE(fs->write_atomic(dir.path() / "plain", as_bytes(text)));
  REQUIRE(fs->write_atomic(dir.path() / "gzip.gz", as_bytes(gzip(text))));
  const PackedFile files[] = {PackedFile("f", to_bytes(text)),
                              *PackedFile::open(*fs, dir.path() / "plain"),
                              *PackedFile::open(*fs, dir.path() / "gzip")};
  for (const PackedFile& file : files) {
    CHECK(file.most() >= text.size());
    for (const std::size_t offset : {0U, 16U, 100000U, 199999U, 200000U, 300000U}) {
      Bytes out(150000);
      const auto got = file.read(offset, out);
      REQUIRE(got);
      out.resize(*got);
      CHECK(as_text(out) == text.substr(std::min<std::size_t>(offset, text.size()), 150000));
    }
    CHECK(as_text(*file.content(1000)) == text.substr(0, 1000));
    CHECK(as_text(*file.content(1000000)) == text);
  }
}

TEST_CASE("packed file: gzip cut anywhere is refused with the file's name") {
  const std::string raw = gzip(kText);
  for (std::size_t size = 2; size < raw.size(); ++size) {
    const auto content = PackedFile("cut.gz", to_bytes(raw.substr(0, size))).content(6000);
    REQUIRE_FALSE(content);
    CHECK(content.error().code == Errc::kCorrupt);
    CHECK_THAT(content.error().what, Catch::StartsWith("cut.gz: byte "));
  }
}

TEST_CASE("packed file: memory follows the content, not what a file of its size could unpack to") {
  // Bytes without pattern: 1 MB in the file is 1 MB of content, and could have been 1 GB.
  std::string text(1 << 20, '\0');
  std::uint32_t state = 1;
  for (char& c : text) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  const PackedFile file("noise.gz", to_bytes(gzip(text)));
  const auto content = file.content(std::size_t{1} << 40);
  REQUIRE(content);
  CHECK(as_text(*content) == text);
  CHECK(content->capacity() <= 2 * text.size());
}

TEST_CASE("packed file: a flipped byte in gzip is refused or changes nothing") {
  const std::string raw = gzip(kText);
  for (std::size_t i = 10; i < raw.size(); ++i) {  // the header has fields without meaning
    std::string bad = raw;
    bad[i] = static_cast<char>(bad[i] ^ 0x55);
    const auto content = PackedFile("bad.gz", to_bytes(bad)).content(1 << 20);
    CHECK((!content || as_text(*content) == kText));
  }
}

TEST_CASE("packed file: open() prefers the plain file and names what is missing") {
  const TempDir dir;
  const auto fs = make_posix_fs();
  const auto missing = PackedFile::open(*fs, dir.path() / "a");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::kNotFound);
  CHECK_THAT(missing.error().what, Catch::Contains("a[.gz]"));
  REQUIRE(fs->write_atomic(dir.path() / "a.gz", as_bytes(gzip("packed"))));
  CHECK(as_text(*PackedFile::open(*fs, dir.path() / "a")->content(9)) == "packed");
  REQUIRE(fs->write_atomic(dir.path() / "a", as_bytes("plain")));
  CHECK(as_text(*PackedFile::open(*fs, dir.path() / "a")->content(9)) == "plain");
}
