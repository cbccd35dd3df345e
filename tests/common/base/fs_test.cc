#include "common/base/fs.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <string>

#include "common/base/failpoint.h"
#include "tests/support/temp_dir.h"

using namespace fedqat;

namespace {

// No file may grow beyond `bytes`: stands for a full disk.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

int g_failpoints_left = 0;

// Does a process that runs run() live to its end, when it is killed at the n-th failpoint?
template <class Run>
bool survives(int nth, Run run) {
  const pid_t child = ::fork();
  if (child == 0) {
    g_failpoints_left = nth;
    set_failpoint_handler([](const char*) {
      if (--g_failpoints_left == 0) ::kill(::getpid(), SIGKILL);
    });
    ::_exit(run() ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE((WIFSIGNALED(status) || WEXITSTATUS(status) == 0));
  return WIFEXITED(status);
}

}  // namespace

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

TEST_CASE("fs: a full disk leaves the old content and no temporary file") {
  const TempDir dir;
  const auto fs = make_posix_fs();
  const auto path = dir.path() / "file";
  REQUIRE(fs->write_atomic(path, as_bytes("old")));
  const std::string great(10000, 'x');
  const auto write = [&] {
    const FileLimit limit(4096);
    return fs->write_atomic(path, as_bytes(great));
  };
  const auto r = write();
  REQUIRE_FALSE(r);
  CHECK(r.error().code == Errc::kIo);
  CHECK_THAT(r.error().what, Catch::Contains("cannot write: "));
  CHECK_FALSE(fs->exists(path.string() + ".part"));
  CHECK(as_text(*fs->read(path)) == "old");
}

TEST_CASE("fs: secrets are the owner's alone, whatever lies there before") {
  const TempDir dir;
  const auto fs = make_posix_fs();
  const auto mode = [](const std::filesystem::path& path) {
    struct stat info {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    return info.st_mode & 0777;
  };
  const auto folder = dir.path() / "a" / "b";
  REQUIRE(fs->make_dirs(folder));
  REQUIRE(fs->make_private_dir(folder));
  CHECK(mode(folder) == 0700);
  REQUIRE(fs->make_private_dir(folder / "c"));
  CHECK(mode(folder / "c") == 0700);
  const auto key = folder / "key", part = folder / "key.part", trap = folder / "trap";
  REQUIRE(fs->write_atomic(key, as_bytes("public")));
  REQUIRE(fs->write_atomic(part, as_bytes("left behind")));
  REQUIRE(fs->write_private(key, as_bytes("secret")));
  CHECK(mode(key) == 0600);
  CHECK(as_text(*fs->read(key)) == "secret");
  REQUIRE(fs->write_atomic(trap, as_bytes("mine")));
  std::filesystem::create_symlink(trap, part);
  REQUIRE(fs->write_private(key, as_bytes("again")));
  CHECK(as_text(*fs->read(trap)) == "mine");
  CHECK_FALSE(fs->exists(part));
}

TEST_CASE("fs: a removed file is gone, and may be removed again") {
  const TempDir dir;
  const auto fs = make_posix_fs();
  REQUIRE(fs->write_atomic(dir.path() / "file", as_bytes("x")));
  REQUIRE(fs->remove(dir.path() / "file"));
  CHECK_FALSE(fs->exists(dir.path() / "file"));
  CHECK(fs->remove(dir.path() / "file"));
  CHECK_FALSE(fs->remove(dir.path()));
}

TEST_CASE("fs: a process killed at any step leaves the old content or the new") {
  const TempDir dir;
  const auto fs = make_posix_fs();
  const auto path = dir.path() / "file";
  const bool is_private = GENERATE(false, true);
  const auto write = [&](const char* text) {
    return bool(is_private ? fs->write_private(path, as_bytes(text))
                           : fs->write_atomic(path, as_bytes(text)));
  };
  int killed = 0, old = 0;
  for (int nth = 1;; ++nth) {
    REQUIRE(write("old"));
    if (survives(nth, [&] { return write("new"); })) break;
    ++killed;
    const std::string now(as_text(*fs->read(path)));
    CHECK((now == "old" || now == "new"));
    if (now == "old") ++old;
  }
  CHECK(killed == 4);
  CHECK(old == 3);
  CHECK(as_text(*fs->read(path)) == "new");
}
