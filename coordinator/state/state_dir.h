// The folder with everything a coordinator owns.
#pragma once

#include <filesystem>

#include "common/base/result.h"

namespace fedqat {

struct StatePaths {
  std::filesystem::path dir;

  std::filesystem::path registry() const { return dir / "registry.db"; }
  std::filesystem::path audit() const { return dir / "audit.jsonl"; }
  std::filesystem::path ca_key() const { return dir / "ca.key"; }
  std::filesystem::path ca_cert() const { return dir / "ca.pem"; }
  std::filesystem::path server_cert() const { return dir / "server.pem"; }  // and its key
  std::filesystem::path manifest_key() const { return dir / "manifest.key"; }
  std::filesystem::path lock() const { return dir / "lock"; }
};

// Makes the folder, for its owner alone (0700), with its parents. kInvalid: others may read it, or
// a network file system; kIo.
Result<StatePaths> make_state_dir(const std::filesystem::path& dir);
// kNotFound: there is none; otherwise as above.
Result<StatePaths> open_state_dir(const std::filesystem::path& dir);

// Held by the one server of a state folder while it lives; command lines that only touch the
// registry do without. The system drops it with the process, however that ends.
class StateLock {
 public:
  // kUnavailable: another process has it; the error names its pid. kIo.
  static Result<StateLock> acquire(const StatePaths& paths);
  ~StateLock();
  StateLock(StateLock&& other) noexcept;
  StateLock& operator=(StateLock&& other) noexcept;

 private:
  explicit StateLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace fedqat
