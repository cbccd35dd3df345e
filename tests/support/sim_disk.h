// A disk in memory that can lose what was not synced: for File, and for SQLite as a VFS.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/rng.h"
#include "common/store/files.h"

struct sqlite3_vfs;

namespace fedqat {

// Not thread-safe. SQLite needs exclusive locking mode on it (no shared memory), one connection a
// file. Folders need not be made.
class SimDisk final : public Files {
 public:
  enum class Fault { kIo, kNoSpace };
  struct Change {  // of a file, not yet synced
    enum Kind { kWrite, kExtend, kCut } kind;
    std::uint64_t offset;  // of kExtend and kCut: the size
    Bytes bytes;
  };

  // Registers the VFS `name`, until the end of the object.
  explicit SimDisk(std::string name);
  ~SimDisk() override;
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  Result<std::unique_ptr<File>> open(const std::filesystem::path& path) override;
  Result<std::unique_ptr<File>> open_existing(const std::filesystem::path& path) override;
  Result<void> sync_dir(const std::filesystem::path& dir) override;

  // The process dies: what it wrote stays, open handles fail from now on and change nothing, nor
  // does the rest of it. The next one begins with open(), or when SQLite opens a database.
  void crash();
  // The machine dies. Synced bytes stay. Of a file's unsynced writes each one stays, is lost or
  // leaves some of its 512-byte sectors, by `seed`; cuts and growth stay or are lost. Of the files
  // made and deleted since their folder was synced, only the first few are.
  void power_cut(std::uint64_t seed);

  // The n-th write (preallocation, cut) or sync (folders too) from now fails, as do the `times` - 1
  // after it. A failed write leaves half of its bytes. A failed sync leaves everything readable,
  // but what was to be synced is lost at the next power cut, whatever later syncs say.
  void fail_write(std::uint64_t n, Fault fault, std::uint64_t times = 1);
  void fail_sync(std::uint64_t n, std::uint64_t times = 1);
  // The process dies just before its n-th write or sync from now.
  void crash_at(std::uint64_t n) { crash_at_ = operations() + n; }
  void heal();  // none of these is going to happen any more

  const std::string& name() const { return name_; }  // of the VFS
  // Another one after each crash and power cut.
  std::uint64_t epoch() const { return epoch_; }
  std::uint64_t operations() const { return writes_.count + syncs_.count; }
  std::uint64_t writes() const { return writes_.count; }
  std::uint64_t syncs() const { return syncs_.count; }
  bool exists(const std::filesystem::path& path) const;
  // As a reader sees the file now; may be changed (damage). Must exist.
  Bytes& content(const std::filesystem::path& path);

 private:
  friend class SimHandle;
  friend struct SimVfs;
  struct Node {
    Bytes durable;
    Bytes current;
    std::vector<Change> pending;
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;
  struct NameChange {
    std::string name;
    std::shared_ptr<Node> node;  // null: deleted
  };
  struct Counter {
    std::uint64_t count = 0;
    std::uint64_t fail_from = 0;  // 0: never
    std::uint64_t fail_until = 0;
    Fault fault = Fault::kIo;
    bool fails() const;
  };

  bool next_fails(Counter& counter);
  static void apply(const Change& change, Bytes& to);
  static void apply_some(const Change& change, Bytes& to, Rng& rng);
  static std::string folder_of(const std::string& name);
  static void rename(const NameChange& change, Names& names);
  std::shared_ptr<Node> find_or_make(const std::string& name, bool make);
  void remove(const std::string& name);

  std::string name_;
  std::unique_ptr<sqlite3_vfs> vfs_;
  Names names_;
  Names durable_names_;
  std::vector<NameChange> pending_names_;
  std::uint64_t epoch_ = 0;  // handles of an earlier one are stale
  bool down_ = false;        // between two processes
  std::uint64_t crash_at_ = 0;
  Counter writes_;
  Counter syncs_;
};

}  // namespace fedqat
