#include "coordinator/state/state_dir.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "tests/support/temp_dir.h"

using namespace fedqat;

TEST_CASE("state folder: is made with its parents, for its owner alone") {
  const TempDir temp;
  const auto dir = temp.path() / "a" / "b";
  CHECK(open_state_dir(dir).error().code == Errc::kNotFound);
  const StatePaths paths = make_state_dir(dir).value();
  CHECK(std::filesystem::status(dir).permissions() == std::filesystem::perms::owner_all);
  CHECK(paths.registry() == dir / "registry.db");
  CHECK(make_state_dir(dir));
  CHECK(open_state_dir(dir));
}

TEST_CASE("state folder: one that others may read is refused") {
  const TempDir temp;
  const auto dir = temp.path() / "a";
  REQUIRE(make_state_dir(dir));
  std::filesystem::permissions(dir, std::filesystem::perms::group_read,
                               std::filesystem::perm_options::add);
  const Error error = open_state_dir(dir).error();
  CHECK(error.code == Errc::kInvalid);
  CHECK(error.what.find("chmod 700") != std::string::npos);
  CHECK_FALSE(make_state_dir(dir));
}

TEST_CASE("state folder: a second server is told who has it; the lock goes with its holder") {
  const TempDir temp;
  const StatePaths paths = make_state_dir(temp.path() / "a").value();
  {
    const StateLock lock = StateLock::acquire(paths).value();
    const Error error = StateLock::acquire(paths).error();
    CHECK(error.code == Errc::kUnavailable);
    CHECK(error.what.find("process " + std::to_string(::getpid()) + ";") != std::string::npos);
  }
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const bool locked = static_cast<bool>(StateLock::acquire(paths));
    ::_exit(locked ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(StateLock::acquire(paths));
}
