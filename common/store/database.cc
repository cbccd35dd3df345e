#include "common/store/database.h"

#include <sqlite3.h>

#include <utility>

#include "common/base/check.h"
#include "common/base/failpoint.h"

namespace fedqat {
namespace {

namespace stdfs = std::filesystem;

constexpr int kBusyTimeoutMs = 5000;
// Beyond this the log is cut after a checkpoint; without it one large transaction leaves its size.
constexpr int kJournalSizeLimit = 64 << 20;

Error sqlite_error(const std::string& file, std::string_view doing, sqlite3* db, int code) {
  if (db != nullptr) code = sqlite3_extended_errcode(db);
  std::string what = file + ": ";
  what.append(doing.substr(0, 120));
  what += ": ";
  what += db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  what += " (SQLite code " + std::to_string(code) + ")";
  switch (code & 0xff) {
    case SQLITE_FULL:
      return {Errc::kUnavailable, what + "; free space on this file system"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Errc::kUnavailable, what + "; another process uses it: wait, or stop that one"};
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return {Errc::kIo, what + "; make the file and its folder writable for this user"};
    case SQLITE_CANTOPEN:
      return {Errc::kIo, what + "; check that the folder exists and this user may write there"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {Errc::kCorrupt, what + "; restore the file from a backup"};
    case SQLITE_IOERR:
      return {Errc::kIo, what + "; check the disk (kernel log), then start again"};
    case SQLITE_CONSTRAINT:
    case SQLITE_ERROR:
    case SQLITE_RANGE:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
      return {Errc::kInvalid, std::move(what)};
    default:
      return {Errc::kIo, std::move(what)};
  }
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
void Database::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

void Statement::bound(int code) {
  if (code != SQLITE_OK) bind_error_ = code;
}

Statement& Statement::bind(int parameter, std::int64_t value) {
  bound(sqlite3_bind_int64(s_.get(), parameter + 1, value));
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) {
  bound(sqlite3_bind_text64(s_.get(), parameter + 1, text.data() == nullptr ? "" : text.data(),
                            text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind(int parameter, ByteView blob) {
  bound(blob.empty() ? sqlite3_bind_zeroblob(s_.get(), parameter + 1, 0)
                     : sqlite3_bind_blob64(s_.get(), parameter + 1, blob.data(), blob.size(),
                                           SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::bind_null(int parameter) {
  bound(sqlite3_bind_null(s_.get(), parameter + 1));
  return *this;
}

Result<bool> Statement::step() {
  const int bind_error = std::exchange(bind_error_, 0);
  if (bind_error != 0) return sqlite_error(*file_, sqlite3_sql(s_.get()), nullptr, bind_error);
  const int code = sqlite3_step(s_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(s_.get());
    return false;
  }
  Error error = sqlite_error(*file_, sqlite3_sql(s_.get()), sqlite3_db_handle(s_.get()), code);
  sqlite3_reset(s_.get());
  return error;
}

Result<void> Statement::run() {
  while (true) {
    auto row = step();
    if (!row) return row.error();
    if (!*row) return {};
  }
}

void Statement::reset() { sqlite3_reset(s_.get()); }

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(s_.get(), column); }

std::string_view Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(s_.get(), column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(s_.get(), column))};
}

ByteView Statement::blob(int column) const {
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(s_.get(), column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(s_.get(), column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(s_.get(), column) == SQLITE_NULL;
}

Transaction::Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}

// SQLite has rolled back by itself after some errors; then there is nothing to do.
Transaction::~Transaction() {
  if (db_ != nullptr && sqlite3_get_autocommit(db_->db_.get()) == 0) {
    sqlite3_exec(db_->db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

Result<void> Transaction::commit() {
  FEDQAT_CHECK(db_ != nullptr);
  auto done = db_->execute("COMMIT");
  if (done) db_ = nullptr;
  return done;
}

Database::~Database() = default;
Database::Database(Database&&) noexcept = default;
// The connection goes before the name that its errors use.
Database& Database::operator=(Database&& other) noexcept {
  db_ = std::move(other.db_);
  file_ = std::move(other.file_);
  return *this;
}

Result<Database> Database::open(const stdfs::path& path, const DatabaseOptions& options) {
  auto file = std::make_unique<std::string>(path.string());
  const stdfs::path dir = path.parent_path();
  if (options.vfs.empty()) {
    if (auto r = require_local(dir); !r) return at(*file, r.error());
    std::error_code ignored;
    if (options.read_only && !stdfs::exists(path, ignored)) {
      return Error{Errc::kNotFound, *file + ": no such file"};
    }
  }
  sqlite3* raw = nullptr;
  const int flags =
      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
      (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  const int code = sqlite3_open_v2(file->c_str(), &raw, flags,
                                   options.vfs.empty() ? nullptr : options.vfs.c_str());
  Database db(raw, std::move(file));
  if (code != SQLITE_OK) return sqlite_error(*db.file_, "open", raw, code);
  if (auto r = db.configure(options); !r) return r.error();
  if (!options.read_only) {
    FEDQAT_FAILPOINT("database.open.before_dir_sync");
    // SQLite syncs the folder for its log but not for the database itself.
    Files& files = options.files == nullptr ? posix_files() : *options.files;
    if (auto r = files.sync_dir(dir); !r) return at(*db.file_, r.error());
    FEDQAT_FAILPOINT("database.open.after_dir_sync");
    if (auto r = db.settle(files); !r) return r.error();
    FEDQAT_FAILPOINT("database.open.after_checkpoint");
  }
  return db;
}

// A process that was killed between writing its log and syncing it left a log that can be read and
// that a power cut would undo: a checkpoint syncs it. After a sync that failed the system takes the
// log for synced although it may never have been written, so it has to be written again before.
Result<void> Database::settle(Files& files) {
  {
    auto no_other_writer = begin();
    if (!no_other_writer) return no_other_writer.error();
    auto log = files.open_existing(*file_ + "-wal");
    if (!log && log.error().code != Errc::kNotFound) return log.error();
    Bytes chunk(std::size_t{1} << 20);
    for (std::uint64_t at = 0; log;) {
      auto n = (*log)->read_at(at, chunk);
      if (!n) return n.error();
      if (*n == 0) break;
      if (auto r = (*log)->write_at(at, ByteView(chunk).first(*n)); !r) return r;
      at += *n;
    }
  }
  return execute("PRAGMA wal_checkpoint(PASSIVE)");
}

Result<void> Database::configure(const DatabaseOptions& options) {
  // Who has it exclusively keeps it.
  sqlite3_busy_timeout(db_.get(), options.exclusive ? 0 : kBusyTimeoutMs);
  // Before the first access, so that the log is opened without shared memory.
  if (options.exclusive) {
    if (auto r = expect_pragma("locking_mode=EXCLUSIVE", "exclusive"); !r) return r;
  }
  if (auto r = expect_pragma("foreign_keys=ON", {}); !r) return r;
  if (auto r = expect_pragma("foreign_keys", "1"); !r) return r;
  if (options.read_only) return expect_pragma("journal_mode", "wal");
  if (auto r = expect_pragma("journal_mode=WAL", "wal"); !r) return r;
  if (auto r = expect_pragma("journal_mode", "wal"); !r) return r;
  const bool full = options.synchronous == Synchronous::kFull;
  if (auto r = expect_pragma(full ? "synchronous=FULL" : "synchronous=NORMAL", {}); !r) return r;
  if (auto r = expect_pragma("synchronous", full ? "2" : "1"); !r) return r;
  const std::string limit = std::to_string(kJournalSizeLimit);
  return expect_pragma("journal_size_limit=" + limit, limit);
}

Result<void> Database::expect_pragma(std::string_view pragma, std::string_view value) {
  auto statement = prepare("PRAGMA " + std::string(pragma));
  if (!statement) return statement.error();
  auto row = statement->step();
  if (!row) return row.error();
  const std::string got(*row ? statement->text(0) : "nothing");
  // Some take effect only at their end, behind the row.
  if (*row) {
    if (auto r = statement->run(); !r) return r;
  }
  if (value.empty()) return {};
  if (got == value) return {};
  return Error{Errc::kIo, *file_ + ": PRAGMA " + std::string(pragma) + " gives " + got + " where " +
                              std::string(value) +
                              " is needed; use the SQLite that fedqat was built with"};
}

Result<void> Database::migrate(std::int32_t application_id,
                               std::span<const std::string_view> steps) {
  auto transaction = begin();
  if (!transaction) return transaction.error();
  auto id = query_integer("PRAGMA application_id");
  if (!id) return id.error();
  auto version = query_integer("PRAGMA user_version");
  if (!version) return version.error();
  auto tables = query_integer("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tables.error();
  const bool empty = *id == 0 && *version == 0 && *tables == 0;
  if (!empty && *id != application_id) {
    return Error{Errc::kInvalid, *file_ +
                                     ": is a database, but not the one expected here; "
                                     "check the path"};
  }
  const auto newest = static_cast<std::int64_t>(steps.size());
  if (*version > newest) {
    return Error{Errc::kInvalid, *file_ + ": has version " + std::to_string(*version) +
                                     ", this fedqat knows up to " + std::to_string(newest) +
                                     "; use the newer fedqat that wrote it"};
  }
  if (*version == newest) return {};
  for (auto v = static_cast<std::size_t>(*version); v < steps.size(); ++v) {
    if (auto r = execute(steps[v]); !r) return r;
  }
  if (auto r = execute("PRAGMA application_id=" + std::to_string(application_id)); !r) return r;
  if (auto r = execute("PRAGMA user_version=" + std::to_string(newest)); !r) return r;
  return transaction->commit();
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) return sqlite_error(*file_, sql, db_.get(), code);
  return Statement(raw, file_.get());
}

Result<void> Database::execute(std::string_view sql) {
  const std::string text(sql);
  const int code = sqlite3_exec(db_.get(), text.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(*file_, sql, db_.get(), code);
  return {};
}

Result<Transaction> Database::begin() {
  if (auto r = execute("BEGIN IMMEDIATE"); !r) return r.error();
  return Transaction(this);
}

Result<std::int64_t> Database::query_integer(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return statement.error();
  auto row = statement->step();
  if (!row) return row.error();
  if (!*row) return Error{Errc::kNotFound, *file_ + ": " + std::string(sql) + ": no row"};
  const std::int64_t value = statement->integer(0);
  if (auto r = statement->run(); !r) return r.error();
  return value;
}

std::int64_t Database::changes() const { return sqlite3_changes64(db_.get()); }

Result<void> Database::integrity_check() {
  for (const char* pragma : {"PRAGMA integrity_check(1)", "PRAGMA foreign_key_check"}) {
    auto statement = prepare(pragma);
    if (!statement) return statement.error();
    auto row = statement->step();
    if (!row) return row.error();
    if (!*row || statement->text(0) == "ok") continue;
    return Error{Errc::kCorrupt, *file_ + ": " + pragma + ": " + std::string(statement->text(0)) +
                                     "; restore the file from a backup"};
  }
  return {};
}

}  // namespace fedqat
