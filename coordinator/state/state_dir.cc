#include "coordinator/state/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "common/store/files.h"

namespace fedqat {
namespace {

namespace stdfs = std::filesystem;

Error os_error(const stdfs::path& path, const char* doing) {
  return {Errc::kIo, path.string() + ": cannot " + doing + ": " + std::strerror(errno)};
}

}  // namespace

Result<StatePaths> make_state_dir(const stdfs::path& dir) {
  std::error_code code;
  const stdfs::path parent = stdfs::absolute(dir, code).lexically_normal().parent_path();
  stdfs::create_directories(parent, code);
  if (code) return Error{Errc::kIo, parent.string() + ": cannot make folder: " + code.message()};
  if (::mkdir(dir.c_str(), 0700) == 0) {
    if (auto r = posix_files().sync_dir(parent); !r) return r.error();
  } else if (errno != EEXIST) {
    return os_error(dir, "make folder");
  }
  return open_state_dir(dir);
}

Result<StatePaths> open_state_dir(const stdfs::path& dir) {
  struct stat info {};
  if (::stat(dir.c_str(), &info) != 0) {
    if (errno != ENOENT) return os_error(dir, "look at the folder");
    return Error{Errc::kNotFound, dir.string() + ": there is no such state folder"};
  }
  if (!S_ISDIR(info.st_mode)) return Error{Errc::kInvalid, dir.string() + ": is not a folder"};
  if ((info.st_mode & 077) != 0) {
    return Error{Errc::kInvalid, dir.string() +
                                     ": other users may look into it, and it holds "
                                     "private keys; run chmod 700 on it"};
  }
  if (auto r = require_local(dir); !r) return r.error();
  return StatePaths{dir};
}

Result<StateLock> StateLock::acquire(const StatePaths& paths) {
  const stdfs::path path = paths.lock();
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return os_error(path, "open");
  StateLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return os_error(path, "lock");
    std::array<char, 32> text{};
    const ssize_t n = ::pread(fd, text.data(), text.size() - 1, 0);
    std::string pid = n > 0 ? std::string(text.data(), static_cast<std::size_t>(n)) : "unknown";
    pid.erase(pid.find_last_not_of(" \n") + 1);
    return Error{Errc::kUnavailable, paths.dir.string() + ": is in use by the process " + pid +
                                         "; stop that one, or choose another folder"};
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0 ||
      ::pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return os_error(path, "write");
  }
  return lock;
}

StateLock::~StateLock() {
  if (fd_ >= 0) ::close(fd_);
}

StateLock::StateLock(StateLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

StateLock& StateLock::operator=(StateLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

}  // namespace fedqat
