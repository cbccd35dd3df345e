#include "common/base/fs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/failpoint.h"

namespace fedqat {
namespace {

namespace stdfs = std::filesystem;

Error os_error(const stdfs::path& path, const char* doing) {
  const int code = errno;
  return {code == ENOENT ? Errc::kNotFound : Errc::kIo,
          path.string() + ": cannot " + doing + ": " + std::strerror(code)};
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int close() {
    const int fd = fd_;
    fd_ = -1;
    return ::close(fd);
  }

 private:
  int fd_;
};

Result<void> write_all(int fd, ByteView bytes, const stdfs::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error(path, "write");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

class PosixFs final : public Fs {
 public:
  Result<Bytes> read(const stdfs::path& path) override {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return os_error(path, "open");
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) return os_error(path, "stat");
    if (S_ISDIR(info.st_mode)) return Error{Errc::kIo, path.string() + ": is a folder, not a file"};
    Bytes bytes(static_cast<std::size_t>(info.st_size) + 1);  // one more shows the end
    std::size_t filled = 0;
    while (true) {
      if (filled == bytes.size()) bytes.resize(filled + 4096);  // pipes and growing files
      const ssize_t n = ::read(file.get(), bytes.data() + filled, bytes.size() - filled);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return os_error(path, "read");
      if (n == 0) break;
      filled += static_cast<std::size_t>(n);
    }
    bytes.resize(filled);
    return bytes;
  }

  Result<std::size_t> read_at(const stdfs::path& path, std::uint64_t offset,
                              std::span<std::byte> out) override {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return os_error(path, "open");
    std::size_t filled = 0;
    while (filled < out.size()) {
      const ssize_t n = ::pread(file.get(), out.data() + filled, out.size() - filled,
                                static_cast<off_t>(offset + filled));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return os_error(path, "read");
      if (n == 0) break;
      filled += static_cast<std::size_t>(n);
    }
    return filled;
  }

  Result<std::uint64_t> size(const stdfs::path& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return os_error(path, "stat");
    if (S_ISDIR(info.st_mode)) return Error{Errc::kIo, path.string() + ": is a folder, not a file"};
    return static_cast<std::uint64_t>(info.st_size);
  }

  Result<void> write_atomic(const stdfs::path& path, ByteView bytes) override {
    return replace(path, bytes, O_TRUNC, 0644);
  }

  Result<void> write_private(const stdfs::path& path, ByteView bytes) override {
    // What an earlier process left may have another mode, or be a link.
    const stdfs::path part = part_of(path);
    if (::unlink(part.c_str()) != 0 && errno != ENOENT) return os_error(part, "remove");
    return replace(path, bytes, O_EXCL | O_NOFOLLOW, 0600);
  }

  Result<void> remove(const stdfs::path& path) override {
    if (::unlink(path.c_str()) != 0) {
      if (errno == ENOENT) return {};
      return os_error(path, "remove");
    }
    FEDQAT_FAILPOINT("fs.file.after_remove");
    return sync_dir(path.parent_path());
  }

  Result<void> make_dirs(const stdfs::path& dir) override {
    std::error_code code;
    stdfs::create_directories(dir, code);
    if (code) return Error{Errc::kIo, dir.string() + ": cannot make folder: " + code.message()};
    return {};
  }

  Result<void> make_private_dir(const stdfs::path& dir) override {
    if (!dir.parent_path().empty()) {
      if (auto ok = make_dirs(dir.parent_path()); !ok) return ok;
    }
    if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) return os_error(dir, "make folder");
    const Descriptor handle(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (handle.get() < 0) return os_error(dir, "open folder");
    if (::fchmod(handle.get(), 0700) != 0) return os_error(dir, "keep others out of the folder");
    return sync_dir(dir.parent_path());
  }

  bool exists(const stdfs::path& path) override {
    std::error_code code;
    return stdfs::exists(path, code);
  }

 private:
  static stdfs::path part_of(const stdfs::path& path) { return path.string() + ".part"; }

  static Result<void> replace(const stdfs::path& path, ByteView bytes, int flags, mode_t mode) {
    const stdfs::path part = part_of(path);
    Descriptor file(::open(part.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, mode));
    if (file.get() < 0) return os_error(part, "create");
    FEDQAT_FAILPOINT("fs.file.before_write");
    if (auto r = write_synced(file, bytes, part); !r) {
      ::unlink(part.c_str());
      return r;
    }
    FEDQAT_FAILPOINT("fs.file.before_rename");
    if (::rename(part.c_str(), path.c_str()) != 0) {
      const Error error = os_error(path, "rename into place");
      ::unlink(part.c_str());
      return error;
    }
    FEDQAT_FAILPOINT("fs.file.after_rename");
    return sync_dir(path.parent_path());
  }

  static Result<void> write_synced(Descriptor& file, ByteView bytes, const stdfs::path& path) {
    if (auto r = write_all(file.get(), bytes, path); !r) return r;
    FEDQAT_FAILPOINT("fs.file.before_sync");
    if (::fsync(file.get()) != 0) return os_error(path, "sync");
    if (file.close() != 0) return os_error(path, "close");
    return {};
  }

  static Result<void> sync_dir(const stdfs::path& dir) {
    const stdfs::path name = dir.empty() ? "." : dir;
    const Descriptor handle(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (handle.get() < 0) return os_error(name, "open folder");
    // EINVAL: some file systems (FUSE, network) do not sync folders; they have no more to give.
    if (::fsync(handle.get()) != 0 && errno != EINVAL) return os_error(name, "sync folder");
    return {};
  }
};

}  // namespace

Result<std::size_t> Fs::read_at(const stdfs::path& path, std::uint64_t offset,
                                std::span<std::byte> out) {
  const auto all = read(path);
  if (!all) return all.error();
  if (offset >= all->size()) return std::size_t{0};
  const ByteView rest = ByteView(*all).subspan(static_cast<std::size_t>(offset));
  const std::size_t n = std::min(rest.size(), out.size());
  std::copy_n(rest.begin(), n, out.begin());
  return n;
}

Result<std::uint64_t> Fs::size(const stdfs::path& path) {
  const auto all = read(path);
  if (!all) return all.error();
  return std::uint64_t{all->size()};
}

std::unique_ptr<Fs> make_posix_fs() { return std::make_unique<PosixFs>(); }

}  // namespace fedqat
