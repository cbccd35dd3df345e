#include "common/store/database.h"

#include <array>
#include <catch2/catch.hpp>
#include <string>

#include "common/base/fs.h"
#include "tests/support/temp_dir.h"

using namespace fedqat;

namespace {

constexpr std::string_view kV1 = "CREATE TABLE t(i INTEGER PRIMARY KEY, s TEXT UNIQUE, b BLOB)";
constexpr std::string_view kV2 = "ALTER TABLE t ADD COLUMN n INTEGER";

Result<Database> open_v1(const std::filesystem::path& path) {
  auto db = Database::open(path, {});
  if (!db) return db;
  if (auto r = db->migrate(7, std::array{kV1}); !r) return r.error();
  return db;
}

}  // namespace

TEST_CASE("database: values of every kind are read back, also the empty ones") {
  const TempDir dir;
  auto db = open_v1(dir.path() / "x.db").value();
  auto insert = db.prepare("INSERT INTO t VALUES(?, ?, ?)").value();
  const Bytes blob = {std::byte{0}, std::byte{255}};
  REQUIRE(insert.bind(0, -5).bind(1, "a\0b").bind(2, ByteView(blob)).run());
  REQUIRE(insert.bind(0, INT64_MAX).bind(1, std::string_view()).bind(2, ByteView()).run());
  CHECK(db.changes() == 1);
  auto select = db.prepare("SELECT * FROM t ORDER BY i").value();
  REQUIRE(select.step().value());
  CHECK(select.integer(0) == -5);
  CHECK(select.text(1) == "a");
  CHECK(Bytes(select.blob(2).begin(), select.blob(2).end()) == blob);
  REQUIRE(select.step().value());
  CHECK(select.integer(0) == INT64_MAX);
  CHECK(select.text(1).empty());
  CHECK_FALSE(select.is_null(1));
  CHECK(select.blob(2).empty());
  CHECK_FALSE(select.step().value());
}

TEST_CASE("database: a transaction that is not committed leaves nothing") {
  const TempDir dir;
  auto db = open_v1(dir.path() / "x.db").value();
  {
    auto t = db.begin().value();
    REQUIRE(db.execute("INSERT INTO t(i) VALUES(1)"));
  }
  CHECK(db.query_integer("SELECT count(*) FROM t").value() == 0);
  auto t = db.begin().value();
  REQUIRE(db.execute("INSERT INTO t(i) VALUES(1)"));
  REQUIRE(t.commit());
  CHECK(db.query_integer("SELECT count(*) FROM t").value() == 1);
}

TEST_CASE("database: an error names the file and the statement") {
  const TempDir dir;
  auto db = open_v1(dir.path() / "x.db").value();
  const Error no_table = db.execute("SELECT * FROM missing").error();
  CHECK(no_table.code == Errc::kInvalid);
  CHECK(no_table.what.find("x.db") != std::string::npos);
  CHECK(no_table.what.find("SELECT * FROM missing") != std::string::npos);
  CHECK(db.prepare("SELEKT").error().code == Errc::kInvalid);
  REQUIRE(db.execute("INSERT INTO t(i, s) VALUES(1, 'a')"));
  CHECK(db.execute("INSERT INTO t(i, s) VALUES(2, 'a')").error().code == Errc::kInvalid);
  auto statement = db.prepare("INSERT INTO t(i) VALUES(?)").value();
  CHECK_FALSE(statement.bind(1, 5).step());
  CHECK(Database::open(dir.path() / "no" / "x.db", {}).error().code == Errc::kNotFound);
  CHECK(Database::open(dir.path(), {}).error().code == Errc::kIo);
}

TEST_CASE("database: versions are made in steps, a newer one and another program's are refused") {
  const TempDir dir;
  const auto path = dir.path() / "x.db";
  { REQUIRE(open_v1(path)); }
  {
    auto db = Database::open(path, {}).value();
    REQUIRE(db.migrate(7, std::array{kV1, kV2}));
    REQUIRE(db.migrate(7, std::array{kV1, kV2}));
    REQUIRE(db.execute("INSERT INTO t(n) VALUES(1)"));
  }
  const Error newer = open_v1(path).error();
  CHECK(newer.code == Errc::kInvalid);
  CHECK(newer.what.find("version 2") != std::string::npos);
  auto db = Database::open(path, {}).value();
  CHECK(db.migrate(8, std::array{kV1, kV2}).error().code == Errc::kInvalid);
}

TEST_CASE("database: a step that fails leaves the version before it") {
  const TempDir dir;
  const auto path = dir.path() / "x.db";
  { REQUIRE(open_v1(path)); }
  auto db = Database::open(path, {}).value();
  CHECK_FALSE(db.migrate(7, std::array{kV1, kV2, std::string_view("nonsense")}));
  CHECK(db.query_integer("PRAGMA user_version").value() == 1);
  CHECK_FALSE(db.execute("INSERT INTO t(n) VALUES(1)"));
}

TEST_CASE("database: damage and files that are no database are refused") {
  const TempDir dir;
  const auto path = dir.path() / "x.db";
  const auto fs = make_posix_fs();
  REQUIRE(fs->write_atomic(path, as_bytes(std::string(4096, 'x'))));
  const Error error = Database::open(path, {}).error();
  CHECK(error.code == Errc::kCorrupt);
  CHECK(error.what.find("backup") != std::string::npos);

  const auto damaged = dir.path() / "y.db";
  {
    auto db = open_v1(damaged).value();
    for (int i = 0; i < 500; ++i)
      REQUIRE(db.execute("INSERT INTO t(s) VALUES(hex(randomblob(50)))"));
    REQUIRE(db.integrity_check());
  }
  Bytes bytes = fs->read(damaged).value();
  std::fill(bytes.begin() + 3 * 4096, bytes.begin() + 4 * 4096, std::byte{0x5A});
  REQUIRE(fs->write_atomic(damaged, bytes));
  auto db = Database::open(damaged, {}).value();
  CHECK(db.integrity_check().error().code == Errc::kCorrupt);
}

TEST_CASE("database: with exclusive there is one connection, otherwise they see each other") {
  const TempDir dir;
  const auto path = dir.path() / "x.db";
  auto first = open_v1(path).value();
  auto second = open_v1(path).value();
  const auto before = second.query_integer("PRAGMA data_version").value();
  REQUIRE(first.execute("INSERT INTO t(i) VALUES(1)"));
  CHECK(second.query_integer("SELECT count(*) FROM t").value() == 1);
  CHECK(second.query_integer("PRAGMA data_version").value() != before);
  DatabaseOptions read_only;
  read_only.read_only = true;
  auto reader = Database::open(path, read_only).value();
  CHECK(reader.query_integer("SELECT count(*) FROM t").value() == 1);
  CHECK_FALSE(reader.execute("INSERT INTO t(i) VALUES(2)"));
  CHECK(Database::open(dir.path() / "none.db", read_only).error().code == Errc::kNotFound);
}
