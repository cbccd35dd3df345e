// SQLite as it is used here: write-ahead log, every commit synced, strict about its settings.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/store/files.h"

struct sqlite3;
struct sqlite3_stmt;

namespace fedqat {

enum class Synchronous : std::uint8_t {
  kFull,    // a commit survives a power cut
  kNormal,  // it may not; the control of the power-cut tests
};

struct DatabaseOptions {
  bool read_only = false;
  bool exclusive = false;  // one connection at a time; needs no shared memory
  Synchronous synchronous = Synchronous::kFull;
  std::string vfs;         // tests; empty: the machine's own
  Files* files = nullptr;  // syncs the folder of a new file; null: the machine's own
};

// Errors name the file, the statement and the remedy. kUnavailable: no space, or locked by another
// for 5 s; kCorrupt: damaged, not a database; kInvalid: the statement or a constraint; kIo.

// Parameters and columns count from 0. Text and blobs are copied by bind().
class Statement {
 public:
  Statement(Statement&&) noexcept = default;
  Statement& operator=(Statement&&) noexcept = default;

  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, std::string_view text);
  Statement& bind(int parameter, ByteView blob);
  Statement& bind_null(int parameter);
  // True: there is a row. False: done; the statement can be bound and stepped anew.
  Result<bool> step();
  // Steps to the end, ignoring rows.
  Result<void> run();
  void reset();

  // Of the row that step() found; views live until the next call of step(), run() or reset().
  std::int64_t integer(int column) const;
  std::string_view text(int column) const;
  ByteView blob(int column) const;
  bool is_null(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* s) const;
  };
  Statement(sqlite3_stmt* s, const std::string* file) : s_(s), file_(file) {}
  void bound(int code);

  std::unique_ptr<sqlite3_stmt, Finalize> s_;
  const std::string* file_;
  int bind_error_ = 0;  // reported by step()
};

class Database;

// Rolled back unless commit() returned ok.
class Transaction {
 public:
  ~Transaction();
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  Result<void> commit();

 private:
  friend class Database;
  explicit Transaction(Database* db) : db_(db) {}
  Database* db_;
};

// One connection. Not thread-safe. Outlives its statements and transactions; may be moved.
class Database {
 public:
  // Makes the file unless read_only. What can be read afterwards is durable, even if the process
  // that wrote it was killed before it had synced. kInvalid also: a network file system; kNotFound:
  // read_only and no such file.
  static Result<Database> open(const std::filesystem::path& path, const DatabaseOptions& options);
  ~Database();
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;

  // Brings an empty or older database to version steps.size() in one transaction: steps[i] makes
  // version i + 1 of version i. kInvalid: another program's file, or one of a newer version.
  Result<void> migrate(std::int32_t application_id, std::span<const std::string_view> steps);

  Result<Statement> prepare(std::string_view sql);
  Result<void> execute(std::string_view sql);  // any number of statements, rows are ignored
  // Takes the right to write at once.
  Result<Transaction> begin();
  // Of the only row and column of a query. kNotFound: no row.
  Result<std::int64_t> query_integer(std::string_view sql);
  std::int64_t changes() const;  // rows changed by the statement before

  // kCorrupt: what SQLite's integrity_check and foreign_key_check find. Reads everything.
  Result<void> integrity_check();

 private:
  friend class Transaction;
  struct Close {
    void operator()(sqlite3* db) const;
  };
  Database(sqlite3* db, std::unique_ptr<std::string> file) : file_(std::move(file)), db_(db) {}
  Result<void> configure(const DatabaseOptions& options);
  Result<void> settle(Files& files);
  Result<void> expect_pragma(std::string_view pragma, std::string_view value);

  std::unique_ptr<const std::string> file_;  // fixed address: statements point at it
  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace fedqat
