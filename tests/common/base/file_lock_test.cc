#include "common/base/file_lock.h"

#include <catch2/catch.hpp>
#include <optional>

#include "tests/support/temp_dir.h"

using namespace fedqat;

TEST_CASE("file_lock: a second one is refused until the first is gone") {
  const TempDir dir;
  const auto path = dir.path() / "lock";
  {
    auto first = FileLock::take(path);
    REQUIRE(first);
    FileLock moved = std::move(*first);
    const auto second = FileLock::take(path);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == Errc::kUnavailable);
    CHECK_THAT(second.error().what, Catch::Contains("another process"));
  }
  CHECK(FileLock::take(path));
  CHECK(FileLock::take(dir.path() / "no" / "lock").error().code == Errc::kNotFound);
}
