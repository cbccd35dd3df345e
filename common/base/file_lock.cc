#include "common/base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace fedqat {

Result<FileLock> FileLock::take(const std::filesystem::path& path) {
  FileLock lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (lock.fd_ < 0) {
    const int code = errno;
    return Error{code == ENOENT ? Errc::kNotFound : Errc::kIo,
                 path.string() + ": cannot open: " + std::strerror(code)};
  }
  while (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    const int code = errno;
    if (code == EINTR) continue;
    if (code == EWOULDBLOCK) {
      return Error{Errc::kUnavailable, path.string() +
                                           ": another process uses this folder; stop it, or give "
                                           "this one a folder of its own"};
    }
    return Error{Errc::kIo, path.string() + ": cannot lock: " + std::strerror(code)};
  }
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace fedqat
