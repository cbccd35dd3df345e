// Who did what and when, as lines that cannot be changed unnoticed: each has the hash of the one
// before it. docs/formats.md has the bytes.
//
// It shows edits by someone who does not rewrite everything behind them. Who can write to the disk
// can make a whole new log: keep last_hash() elsewhere from time to time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/result.h"
#include "common/store/files.h"

namespace fedqat {

struct AuditField {
  std::string_view key;  // [a-z0-9_]+; not seq, time, event, prev or sha256
  std::variant<std::string_view, std::int64_t> value;  // any text; what is not UTF-8 is replaced
};

// Not thread-safe, and one process at a time (StateLock): command lines leave it to the server to
// write what it notices of theirs. Beside the log lies "<log>.head" with the number and hash of the
// last synced line, so that a cut end is noticed.
class AuditLog {
 public:
  // Verifies the whole log. What lies behind the last synced line and is not whole was being
  // written when the machine stopped: it is cut off, and a line "audit_repaired" says so. kCorrupt:
  // a line that was synced is changed or missing; the error names it, and nothing is touched. kIo.
  // files: null: the machine's own.
  static Result<AuditLog> open(const std::filesystem::path& path, std::int64_t now_s,
                               Files* files = nullptr);

  // Buffered. kInvalid: more than 1 MiB. kIo: after a failed sync().
  Result<void> append(std::int64_t now_s, std::string_view event,
                      std::initializer_list<AuditField> fields);
  // Everything appended is durable. kUnavailable: no space; may be tried again. kIo: final, every
  // later call fails.
  Result<void> sync();

  std::uint64_t lines() const { return lines_; }
  const std::string& last_hash() const {
    return last_hex_;
  }  // of line lines(); zeros before the first

  // The number of lines, which are all whole and in order. kCorrupt: the error says at which line
  // and why. May be called while a server writes.
  static Result<std::uint64_t> verify(const std::filesystem::path& path, Files* files = nullptr);

 private:
  AuditLog() = default;

  Result<void> usable() const;

  std::unique_ptr<File> log_;
  std::unique_ptr<File> head_;
  std::filesystem::path path_;
  std::string buffer_;       // lines that are not written yet
  std::uint64_t end_ = 0;    // of the lines before them
  std::uint64_t lines_ = 0;  // buffered ones included
  std::string last_hex_;
  int head_slot_ = 0;  // the next to write
  bool unsynced_ = false;
  bool broken_ = false;
};

}  // namespace fedqat
