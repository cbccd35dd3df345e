#include "tests/support/sim_disk.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace fedqat {
namespace {

constexpr std::size_t kSector = 512;

void write_bytes(std::uint64_t offset, ByteView bytes, Bytes& to) {
  const std::size_t end = offset + bytes.size();
  if (to.size() < end) to.resize(end);
  std::copy(bytes.begin(), bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(offset));
}

std::string folder_of(const std::string& name) {
  return std::filesystem::path(name).parent_path().string();
}

}  // namespace

// What File and the VFS have in common. Codes are SQLite's.
class SimHandle {
 public:
  SimHandle(SimDisk* disk, std::string name, std::shared_ptr<SimDisk::Node> node)
      : disk_(disk), name_(std::move(name)), node_(std::move(node)), epoch_(disk->epoch_) {}

  bool stale() const { return epoch_ != disk_->epoch_; }
  const std::string& name() const { return name_; }
  std::uint64_t size() const { return node_->current.size(); }

  std::size_t read(std::uint64_t offset, std::span<std::byte> out) const {
    const Bytes& from = node_->current;
    if (offset >= from.size()) return 0;
    const std::size_t n = std::min<std::size_t>(out.size(), from.size() - offset);
    std::memcpy(out.data(), from.data() + offset, n);
    return n;
  }

  int change(SimDisk::Change change) {
    if (stale()) return SQLITE_IOERR_WRITE;
    int code = SQLITE_OK;
    const bool fails = disk_->next_fails(disk_->writes_);
    if (stale()) return SQLITE_IOERR_WRITE;
    if (fails) {
      code = disk_->writes_.fault == SimDisk::Fault::kNoSpace ? SQLITE_FULL : SQLITE_IOERR_WRITE;
      if (change.kind != SimDisk::Change::kWrite) return code;
      change.bytes.resize(change.bytes.size() / 2);
    }
    SimDisk::apply(change, node_->current);
    node_->pending.push_back(std::move(change));
    return code;
  }

  int sync() {
    if (stale()) return SQLITE_IOERR_FSYNC;
    const bool fails = disk_->next_fails(disk_->syncs_);
    if (stale()) return SQLITE_IOERR_FSYNC;
    if (fails) {
      node_->pending.clear();
      return SQLITE_IOERR_FSYNC;
    }
    for (const SimDisk::Change& c : node_->pending) SimDisk::apply(c, node_->durable);
    node_->pending.clear();
    return SQLITE_OK;
  }

  SimDisk& disk() { return *disk_; }

 private:
  SimDisk* disk_;
  std::string name_;
  std::shared_ptr<SimDisk::Node> node_;
  std::uint64_t epoch_;
};

namespace {

Result<void> to_result(int code, const std::string& name) {
  if (code == SQLITE_OK) return {};
  if (code == SQLITE_FULL) return Error{Errc::kUnavailable, name + ": simulated: no space"};
  return Error{Errc::kIo, name + ": simulated I/O error"};
}

class SimFile final : public File {
 public:
  explicit SimFile(SimHandle handle) : handle_(std::move(handle)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) override {
    if (handle_.stale()) return to_result(SQLITE_IOERR, handle_.name()).error();
    return handle_.read(offset, out);
  }
  Result<void> write_at(std::uint64_t offset, ByteView bytes) override {
    return change({SimDisk::Change::kWrite, offset, Bytes(bytes.begin(), bytes.end())});
  }
  Result<void> sync() override { return to_result(handle_.sync(), handle_.name()); }
  Result<void> preallocate(std::uint64_t size) override {
    if (size <= handle_.size()) return {};
    return change({SimDisk::Change::kExtend, size, {}});
  }
  Result<void> truncate(std::uint64_t size) override {
    return change({SimDisk::Change::kCut, size, {}});
  }
  Result<std::uint64_t> size() override {
    if (handle_.stale()) return to_result(SQLITE_IOERR, handle_.name()).error();
    return handle_.size();
  }

 private:
  Result<void> change(SimDisk::Change change) {
    return to_result(handle_.change(std::move(change)), handle_.name());
  }

  SimHandle handle_;
};

}  // namespace

// The functions of the VFS.
struct SimVfs {
  struct OpenFile : sqlite3_file {
    SimHandle* handle;
    bool delete_on_close;
    bool sync_folder;  // with the next sync
  };
  static OpenFile& of(sqlite3_file* f) { return *static_cast<OpenFile*>(f); }
  static SimDisk& disk(sqlite3_vfs* vfs) { return *static_cast<SimDisk*>(vfs->pAppData); }

  static int close(sqlite3_file* f) {
    OpenFile& file = of(f);
    if (file.delete_on_close && !file.handle->stale()) {
      file.handle->disk().remove(file.handle->name());
    }
    delete file.handle;
    return SQLITE_OK;
  }
  static int read(sqlite3_file* f, void* out, int size, sqlite3_int64 offset) {
    if (of(f).handle->stale()) return SQLITE_IOERR_READ;
    const auto want = static_cast<std::size_t>(size);
    auto* bytes = static_cast<std::byte*>(out);
    const std::size_t n = of(f).handle->read(static_cast<std::uint64_t>(offset), {bytes, want});
    if (n == want) return SQLITE_OK;
    std::memset(bytes + n, 0, want - n);
    return SQLITE_IOERR_SHORT_READ;
  }
  static int write(sqlite3_file* f, const void* data, int size, sqlite3_int64 offset) {
    const auto* bytes = static_cast<const std::byte*>(data);
    return of(f).handle->change(
        {SimDisk::Change::kWrite, static_cast<std::uint64_t>(offset), Bytes(bytes, bytes + size)});
  }
  static int truncate(sqlite3_file* f, sqlite3_int64 size) {
    return of(f).handle->change({SimDisk::Change::kCut, static_cast<std::uint64_t>(size), {}});
  }
  static int sync(sqlite3_file* f, int /*flags*/) {
    OpenFile& file = of(f);
    const int code = file.handle->sync();
    if (code != SQLITE_OK || !file.sync_folder) return code;
    file.sync_folder = false;
    return file.handle->disk().sync_dir(folder_of(file.handle->name())) ? SQLITE_OK
                                                                        : SQLITE_IOERR_DIR_FSYNC;
  }
  static int file_size(sqlite3_file* f, sqlite3_int64* size) {
    if (of(f).handle->stale()) return SQLITE_IOERR_FSTAT;
    *size = static_cast<sqlite3_int64>(of(f).handle->size());
    return SQLITE_OK;
  }
  static int lock(sqlite3_file* /*f*/, int /*level*/) { return SQLITE_OK; }
  static int check_lock(sqlite3_file* /*f*/, int* out) {
    *out = 0;
    return SQLITE_OK;
  }
  static int control(sqlite3_file* /*f*/, int /*op*/, void* /*arg*/) { return SQLITE_NOTFOUND; }
  static int sector_size(sqlite3_file* /*f*/) { return 4096; }
  // As the unix VFS: a write does not harm bytes beside it.
  static int characteristics(sqlite3_file* /*f*/) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

  static const sqlite3_io_methods* methods() {
    static const sqlite3_io_methods kMethods = [] {
      sqlite3_io_methods m{};
      m.iVersion = 1;  // no shared memory
      m.xClose = close;
      m.xRead = read;
      m.xWrite = write;
      m.xTruncate = truncate;
      m.xSync = sync;
      m.xFileSize = file_size;
      m.xLock = lock;
      m.xUnlock = lock;
      m.xCheckReservedLock = check_lock;
      m.xFileControl = control;
      m.xSectorSize = sector_size;
      m.xDeviceCharacteristics = characteristics;
      return m;
    }();
    return &kMethods;
  }

  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* f, int flags, int* out_flags) {
    OpenFile& file = of(f);
    file.pMethods = nullptr;
    SimDisk& d = disk(vfs);
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0) d.down_ = false;
    if (d.down_) return SQLITE_CANTOPEN;
    const std::string name = path == nullptr ? "(temporary)" : path;
    const bool create = (flags & SQLITE_OPEN_CREATE) != 0;
    const bool is_new = !d.exists(name);
    auto node = d.find_or_make(name, create);
    if (node == nullptr) return SQLITE_CANTOPEN;
    file.handle = new SimHandle(&d, name, std::move(node));
    file.delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    file.sync_folder = create && is_new && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL));
    file.pMethods = methods();
    if (out_flags != nullptr) *out_flags = flags;
    return SQLITE_OK;
  }
  static int remove(sqlite3_vfs* vfs, const char* path, int sync_folder) {
    SimDisk& d = disk(vfs);
    if (d.down_) return SQLITE_IOERR_DELETE;
    if (!d.exists(path)) return SQLITE_IOERR_DELETE_NOENT;
    d.remove(path);
    if (sync_folder != 0 && !d.sync_dir(folder_of(path))) return SQLITE_IOERR_DIR_FSYNC;
    return SQLITE_OK;
  }
  static int access(sqlite3_vfs* vfs, const char* path, int flags, int* out) {
    SimDisk& d = disk(vfs);
    *out = d.exists(path) && (flags != SQLITE_ACCESS_EXISTS || !d.content(path).empty()) ? 1 : 0;
    return SQLITE_OK;
  }
  static int full_path(sqlite3_vfs* /*vfs*/, const char* path, int size, char* out) {
    std::snprintf(out, static_cast<std::size_t>(size), "%s", path);
    return SQLITE_OK;
  }
  static int randomness(sqlite3_vfs* vfs, int size, char* out) {
    // Salts of the log must differ between its generations, or old frames would count as new.
    Rng rng(
        {.seed = disk(vfs).writes() + 1, .round = static_cast<std::uint32_t>(disk(vfs).epoch_)});
    for (int i = 0; i < size; ++i) out[i] = static_cast<char>(rng.next_u32());
    return size;
  }
  static int sleep(sqlite3_vfs* /*vfs*/, int microseconds) { return microseconds; }
  static int now(sqlite3_vfs* /*vfs*/, double* out) {
    *out = 2460000.5;
    return SQLITE_OK;
  }
  static int last_error(sqlite3_vfs* /*vfs*/, int /*size*/, char* /*out*/) { return 0; }
};

bool SimDisk::Counter::fails() const {
  return fail_from != 0 && count >= fail_from && count < fail_until;
}

bool SimDisk::next_fails(Counter& counter) {
  ++counter.count;
  if (operations() == crash_at_) crash();
  return counter.fails();
}

SimDisk::SimDisk(std::string name) : name_(std::move(name)), vfs_(std::make_unique<sqlite3_vfs>()) {
  vfs_->iVersion = 1;
  vfs_->szOsFile = sizeof(SimVfs::OpenFile);
  vfs_->mxPathname = 512;
  vfs_->zName = name_.c_str();
  vfs_->pAppData = this;
  vfs_->xOpen = SimVfs::open;
  vfs_->xDelete = SimVfs::remove;
  vfs_->xAccess = SimVfs::access;
  vfs_->xFullPathname = SimVfs::full_path;
  vfs_->xRandomness = SimVfs::randomness;
  vfs_->xSleep = SimVfs::sleep;
  vfs_->xCurrentTime = SimVfs::now;
  vfs_->xGetLastError = SimVfs::last_error;
  FEDQAT_CHECK(sqlite3_vfs_register(vfs_.get(), 0) == SQLITE_OK);
}

SimDisk::~SimDisk() { sqlite3_vfs_unregister(vfs_.get()); }

Result<std::unique_ptr<File>> SimDisk::open(const std::filesystem::path& path) {
  down_ = false;
  auto node = find_or_make(path.string(), true);
  return std::unique_ptr<File>(
      std::make_unique<SimFile>(SimHandle(this, path.string(), std::move(node))));
}

Result<std::unique_ptr<File>> SimDisk::open_existing(const std::filesystem::path& path) {
  if (!exists(path)) return Error{Errc::kNotFound, path.string() + ": simulated: no such file"};
  return open(path);
}

Result<void> SimDisk::sync_dir(const std::filesystem::path& dir) {
  if (down_ || next_fails(syncs_) || down_) {
    return Error{Errc::kIo, dir.string() + ": simulated I/O error"};
  }
  std::vector<NameChange> rest;
  for (NameChange& change : pending_names_) {
    if (folder_of(change.name) == dir.string()) {
      rename(change, durable_names_);
    } else {
      rest.push_back(std::move(change));
    }
  }
  pending_names_ = std::move(rest);
  return {};
}

void SimDisk::crash() {
  ++epoch_;
  down_ = true;
}

void SimDisk::power_cut(std::uint64_t seed) {
  crash();
  Rng rng({.seed = seed});
  const std::uint32_t kept = rng.below(static_cast<std::uint32_t>(pending_names_.size()) + 1);
  for (std::uint32_t i = 0; i < kept; ++i) rename(pending_names_[i], durable_names_);
  pending_names_.clear();
  names_ = durable_names_;
  for (auto& [name, node] : names_) {
    for (const Change& change : node->pending) apply_some(change, node->durable, rng);
    node->pending.clear();
    node->current = node->durable;
  }
}

void SimDisk::fail_write(std::uint64_t n, Fault fault, std::uint64_t times) {
  writes_.fail_from = writes_.count + n;
  writes_.fail_until = writes_.fail_from + times;
  writes_.fault = fault;
}

void SimDisk::fail_sync(std::uint64_t n, std::uint64_t times) {
  syncs_.fail_from = syncs_.count + n;
  syncs_.fail_until = syncs_.fail_from + times;
}

void SimDisk::heal() {
  writes_.fail_from = 0;
  syncs_.fail_from = 0;
  crash_at_ = 0;
}

bool SimDisk::exists(const std::filesystem::path& path) const {
  return names_.count(path.string()) != 0;
}

Bytes& SimDisk::content(const std::filesystem::path& path) {
  return names_.at(path.string())->current;
}

void SimDisk::apply(const Change& change, Bytes& to) {
  switch (change.kind) {
    case Change::kWrite:
      return write_bytes(change.offset, change.bytes, to);
    case Change::kExtend:
      if (to.size() < change.offset) to.resize(change.offset);
      return;
    case Change::kCut:
      return to.resize(change.offset);
  }
}

void SimDisk::apply_some(const Change& change, Bytes& to, Rng& rng) {
  const std::uint32_t lot = rng.below(change.kind == Change::kWrite ? 3 : 2);
  if (lot == 0) return;
  if (lot == 1) return apply(change, to);
  const std::uint64_t end = change.offset + change.bytes.size();
  for (std::uint64_t at = change.offset; at < end;) {
    const std::uint64_t next = std::min(end, (at / kSector + 1) * kSector);
    const ByteView all(change.bytes);
    if (rng.below(2) == 0) write_bytes(at, all.subspan(at - change.offset, next - at), to);
    at = next;
  }
}

void SimDisk::rename(const NameChange& change, Names& names) {
  if (change.node == nullptr) {
    names.erase(change.name);
  } else {
    names[change.name] = change.node;
  }
}

std::shared_ptr<SimDisk::Node> SimDisk::find_or_make(const std::string& name, bool make) {
  const auto found = names_.find(name);
  if (found != names_.end()) return found->second;
  if (!make) return nullptr;
  auto node = std::make_shared<Node>();
  pending_names_.push_back({name, node});
  names_[name] = node;
  return node;
}

void SimDisk::remove(const std::string& name) {
  names_.erase(name);
  pending_names_.push_back({name, nullptr});
}

}  // namespace fedqat
