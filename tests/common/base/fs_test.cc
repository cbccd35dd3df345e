#include "common/base/fs.h"

#include <catch2/catch.hpp>

#include "tests/support/temp_dir.h"

using namespace fedqat;

TEST_CASE("fs: what is written is read back, and replaced as a whole") {
  const TempDir dir;
  const auto fs = make_posix_fs();
  const auto path = dir.path() / "sub" / "file";
  REQUIRE(fs->make_dirs(path.parent_path()));
  REQUIRE(fs->write_atomic(path, as_bytes("one")));
  REQUIRE(fs->write_atomic(path, as_bytes("second")));
  const auto back = fs->read(path);
  REQUIRE(back);
  CHECK(as_text(*back) == "second");
  CHECK_FALSE(fs->exists(path.string() + ".part"));
}

TEST_CASE("fs: errors name the path and the reason") {
  const auto fs = make_posix_fs();
  const auto missing = fs->read("/nowhere/at/all");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::kNotFound);
  CHECK_THAT(missing.error().what, Catch::Contains("/nowhere/at/all"));
  const auto folder = fs->read("/");
  REQUIRE_FALSE(folder);
  CHECK(folder.error().code == Errc::kIo);
}

TEST_CASE("fs: a write that fails leaves nothing behind") {
  const TempDir dir;
  const auto fs = make_posix_fs();
  const auto folder = dir.path() / "folder";
  REQUIRE(fs->make_dirs(folder / "inside"));  // a file cannot be renamed onto a folder
  const auto r = fs->write_atomic(folder, as_bytes("text"));
  REQUIRE_FALSE(r);
  CHECK(r.error().code == Errc::kIo);
  CHECK_THAT(r.error().what, Catch::StartsWith(folder.string() + ": cannot rename into place: "));
  CHECK_FALSE(fs->exists(folder.string() + ".part"));
  CHECK(fs->exists(folder / "inside"));

  const auto nowhere = fs->write_atomic(dir.path() / "no" / "file", as_bytes("text"));
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().code == Errc::kNotFound);
}
