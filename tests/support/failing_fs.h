// Files whose writes and removals fail on demand, as on a full disk.
#pragma once

#include "common/base/fs.h"

namespace fedqat {

class FailingFs final : public Fs {
 public:
  explicit FailingFs(Fs& fs) : fs_(fs) {}
  bool failing = false;

  Result<Bytes> read(const std::filesystem::path& path) override { return fs_.read(path); }
  Result<void> write_atomic(const std::filesystem::path& path, ByteView bytes) override {
    return failing ? full() : fs_.write_atomic(path, bytes);
  }
  Result<void> write_private(const std::filesystem::path& path, ByteView bytes) override {
    return failing ? full() : fs_.write_private(path, bytes);
  }
  Result<void> remove(const std::filesystem::path& path) override {
    return failing ? full() : fs_.remove(path);
  }
  Result<void> make_dirs(const std::filesystem::path& dir) override { return fs_.make_dirs(dir); }
  Result<void> make_private_dir(const std::filesystem::path& dir) override {
    return fs_.make_private_dir(dir);
  }
  bool exists(const std::filesystem::path& path) override { return fs_.exists(path); }

 private:
  static Result<void> full() { return Error{Errc::kIo, "no space left on device"}; }
  Fs& fs_;
};

}  // namespace fedqat
