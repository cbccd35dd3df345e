#include "tests/support/sim_vfs.h"

#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "common/base/rng.h"
#include "tests/support/sim_disk.h"
#include "tests/support/sim_handle.h"

namespace fedqat {

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
    return file.handle->disk().sync_dir(SimDisk::folder_of(file.handle->name()))
               ? SQLITE_OK
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
    if (sync_folder != 0 && !d.sync_dir(SimDisk::folder_of(path))) return SQLITE_IOERR_DIR_FSYNC;
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

std::unique_ptr<sqlite3_vfs> make_sim_vfs(SimDisk& disk) {
  auto vfs = std::make_unique<sqlite3_vfs>();
  vfs->iVersion = 1;
  vfs->szOsFile = sizeof(SimVfs::OpenFile);
  vfs->mxPathname = 512;
  vfs->zName = disk.name().c_str();
  vfs->pAppData = &disk;
  vfs->xOpen = SimVfs::open;
  vfs->xDelete = SimVfs::remove;
  vfs->xAccess = SimVfs::access;
  vfs->xFullPathname = SimVfs::full_path;
  vfs->xRandomness = SimVfs::randomness;
  vfs->xSleep = SimVfs::sleep;
  vfs->xCurrentTime = SimVfs::now;
  vfs->xGetLastError = SimVfs::last_error;
  return vfs;
}

}  // namespace fedqat
