#include "common/store/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace fedqat {
namespace {

namespace stdfs = std::filesystem;

Error os_error(const stdfs::path& path, const char* doing) {
  const int code = errno;
  std::string what = path.string() + ": cannot " + doing + ": " + std::strerror(code);
  if (code == ENOSPC || code == EDQUOT) {
    return {Errc::kUnavailable, what + "; free space on this file system"};
  }
  return {code == ENOENT ? Errc::kNotFound : Errc::kIo, std::move(what)};
}

class PosixFile final : public File {
 public:
  PosixFile(int fd, stdfs::path path) : fd_(fd), path_(std::move(path)) {}
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;
  ~PosixFile() override { ::close(fd_); }

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) override {
    set_direct(false);
    std::size_t filled = 0;
    while (filled < out.size()) {
      const ssize_t n = ::pread(fd_, out.data() + filled, out.size() - filled,
                                static_cast<off_t>(offset + filled));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return os_error(path_, "read");
      if (n == 0) break;
      filled += static_cast<std::size_t>(n);
    }
    return filled;
  }

  Result<void> write_at(std::uint64_t offset, ByteView bytes) override {
    set_direct(is_aligned(offset) && is_aligned(bytes.size()) &&
               is_aligned(reinterpret_cast<std::uintptr_t>(bytes.data())));
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (direct_ && (n < 0 ? errno == EINVAL : !is_aligned(static_cast<std::size_t>(n)))) {
        set_direct(false);  // not this file system, or not here; n < 0: nothing was written
        can_direct_ = false;
        if (n < 0) continue;
      }
      if (n < 0) return os_error(path_, "write");
      bytes = bytes.subspan(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
    return {};
  }

  Result<void> sync() override {
    if (::fdatasync(fd_) != 0) return os_error(path_, "sync");
    return {};
  }

  Result<void> preallocate(std::uint64_t size) override {
    int code = 0;
    do {
      code = ::posix_fallocate(fd_, 0, static_cast<off_t>(size));
    } while (code == EINTR);
    if (code == 0) return {};
    errno = code;
    return os_error(path_, "reserve space for");
  }

  Result<void> truncate(std::uint64_t size) override {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return os_error(path_, "cut");
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat info {};
    if (::fstat(fd_, &info) != 0) return os_error(path_, "stat");
    return static_cast<std::uint64_t>(info.st_size);
  }

 private:
  static bool is_aligned(std::uint64_t value) { return value % kDirectAlign == 0; }

  void set_direct(bool on) {
    if (on == direct_ || (on && !can_direct_)) return;
    const int flags = ::fcntl(fd_, F_GETFL);
    if (flags < 0 || ::fcntl(fd_, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) != 0) {
      can_direct_ = false;
      return;
    }
    direct_ = on;
  }

  int fd_;
  stdfs::path path_;
  bool direct_ = false;
  bool can_direct_ = true;
};

class PosixFiles final : public Files {
 public:
  Result<std::unique_ptr<File>> open(const stdfs::path& path) override {
    return open_with(path, O_RDWR | O_CREAT);
  }
  Result<std::unique_ptr<File>> open_existing(const stdfs::path& path) override {
    return open_with(path, O_RDWR);
  }

  Result<void> sync_dir(const stdfs::path& dir) override {
    const stdfs::path name = dir.empty() ? "." : dir;
    const int fd = ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return os_error(name, "open folder");
    const PosixFile folder(fd, name);
    if (::fsync(fd) != 0) return os_error(name, "sync folder");
    return {};
  }

 private:
  static Result<std::unique_ptr<File>> open_with(const stdfs::path& path, int flags) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
    if (fd < 0) return os_error(path, "open");
    return std::unique_ptr<File>(std::make_unique<PosixFile>(fd, path));
  }
};

struct RemoteFs {
  std::uint32_t type;  // statfs(2), linux/magic.h
  const char* name;
};
constexpr std::array kRemote = {RemoteFs{0x6969, "NFS"},      RemoteFs{0x517B, "SMB"},
                                RemoteFs{0xFE534D42, "SMB2"}, RemoteFs{0xFF534D42, "CIFS"},
                                RemoteFs{0x65735546, "FUSE"}, RemoteFs{0x01021997, "9P"},
                                RemoteFs{0x00C36400, "Ceph"}, RemoteFs{0x5346414F, "AFS"},
                                RemoteFs{0x73757245, "Coda"}, RemoteFs{0x0BD00BD0, "Lustre"}};

}  // namespace

Files& posix_files() {
  static PosixFiles files;
  return files;
}

Result<void> require_local(const stdfs::path& dir) {
  const stdfs::path name = dir.empty() ? "." : dir;
  struct statfs info {};
  if (::statfs(name.c_str(), &info) != 0) return os_error(name, "look at the file system of");
  const auto type = static_cast<std::uint32_t>(info.f_type);
  const auto* remote = std::find_if(kRemote.begin(), kRemote.end(),
                                    [&](const RemoteFs& r) { return r.type == type; });
  if (remote == kRemote.end()) return {};
  return Error{Errc::kInvalid, name.string() + ": lies on " + remote->name +
                                   ", where locks and syncs cannot be relied on; choose a folder "
                                   "on a disk of this machine"};
}

}  // namespace fedqat
