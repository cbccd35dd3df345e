#include "common/store/files.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "common/base/fs.h"
#include "tests/support/temp_dir.h"

using namespace fedqat;

TEST_CASE("files: bytes are read where they were written, up to the end of the file") {
  const TempDir dir;
  auto file = posix_files().open(dir.path() / "f").value();
  REQUIRE(file->write_at(10, as_bytes("hello")));
  REQUIRE(file->sync());
  CHECK(file->size().value() == 15);
  Bytes bytes(8, std::byte{7});
  CHECK(file->read_at(10, bytes).value() == 5);
  CHECK(as_text(ByteView(bytes).first(5)) == "hello");
  CHECK(file->read_at(100, bytes).value() == 0);
  REQUIRE(file->truncate(12));
  CHECK(file->size().value() == 12);
  REQUIRE(file->preallocate(4096));
  CHECK(file->size().value() == 4096);
  REQUIRE(file->preallocate(100));
  CHECK(file->size().value() == 4096);
  CHECK(posix_files().sync_dir(dir.path()));
}

TEST_CASE("files: aligned and other writes follow one another, and reads see both") {
  const TempDir dir;
  auto file = posix_files().open(dir.path() / "f").value();
  REQUIRE(file->preallocate(4 * kDirectAlign));
  DirectBuffer buffer(2 * kDirectAlign);
  std::fill(buffer.bytes().begin(), buffer.bytes().end(), std::byte{1});
  REQUIRE(file->write_at(kDirectAlign, buffer.bytes()));
  REQUIRE(file->write_at(kDirectAlign + 10, as_bytes("hello")));
  std::fill(buffer.bytes().begin(), buffer.bytes().end(), std::byte{2});
  REQUIRE(file->write_at(2 * kDirectAlign, buffer.bytes()));
  REQUIRE(file->sync());
  Bytes bytes(4 * kDirectAlign);
  REQUIRE(file->read_at(0, bytes).value() == bytes.size());
  CHECK(bytes[0] == std::byte{0});
  CHECK(bytes[kDirectAlign] == std::byte{1});
  CHECK(as_text(ByteView(bytes).subspan(kDirectAlign + 10, 5)) == "hello");
  CHECK(bytes[2 * kDirectAlign - 1] == std::byte{1});
  CHECK(bytes[2 * kDirectAlign] == std::byte{2});
  CHECK(bytes[4 * kDirectAlign - 1] == std::byte{2});
}

TEST_CASE("files: a new file is its owner's alone") {
  const TempDir dir;
  REQUIRE(posix_files().open(dir.path() / "f"));
  CHECK(std::filesystem::status(dir.path() / "f").permissions() ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("files: errors name the file") {
  const TempDir dir;
  auto file = posix_files().open_existing(dir.path() / "missing");
  REQUIRE_FALSE(file);
  CHECK(file.error().code == Errc::kNotFound);
  CHECK(file.error().what.find("missing") != std::string::npos);
  CHECK(posix_files().sync_dir(dir.path() / "nowhere").error().code == Errc::kNotFound);
}

TEST_CASE("files: a folder on a disk of this machine is local, another kind is not") {
  const TempDir dir;
  CHECK(require_local(dir.path()));
  CHECK_FALSE(require_local(dir.path() / "nowhere"));
}
