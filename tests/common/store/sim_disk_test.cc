#include "tests/support/sim_disk.h"

#include <catch2/catch.hpp>
#include <string>

#include "common/base/fs.h"
#include "common/store/database.h"

using namespace fedqat;

namespace {

constexpr int kRows = 200;

Result<Database> open_on(SimDisk& disk, Synchronous synchronous = Synchronous::kFull) {
  DatabaseOptions options;
  options.exclusive = true;
  options.vfs = "sim";
  options.files = &disk;
  options.synchronous = synchronous;
  auto db = Database::open("/state/test.db", options);
  if (!db) return db;
  if (auto r = db->execute("CREATE TABLE IF NOT EXISTS t(i INTEGER PRIMARY KEY)"); !r) {
    return r.error();
  }
  return db;
}

// How many of the rows 1..kRows were committed before something failed.
int insert_rows(Database& db) {
  for (int i = 1; i <= kRows; ++i) {
    if (!db.execute("INSERT INTO t VALUES(" + std::to_string(i) + ")")) return i - 1;
  }
  return kRows;
}

std::int64_t rows_of(Database& db) { return db.query_integer("SELECT count(*) FROM t").value(); }

}  // namespace

TEST_CASE("sim disk: synced bytes survive a power cut, the others stay, tear or go") {
  bool kept = false;
  bool lost = false;
  bool torn = false;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SimDisk disk("sim");
    auto file = disk.open("/d/f").value();
    REQUIRE(file->write_at(0, Bytes(4096, std::byte{1})));
    REQUIRE(file->sync());
    REQUIRE(disk.sync_dir("/d"));
    REQUIRE(file->write_at(1000, Bytes(2000, std::byte{2})));
    disk.power_cut(seed);
    CHECK_FALSE(file->sync());
    file = disk.open_existing("/d/f").value();
    Bytes bytes(5000);
    REQUIRE(file->read_at(0, bytes).value() == 4096);
    std::size_t fresh = 0;
    for (std::size_t i = 0; i < 4096; ++i) {
      const bool inside = i >= 1000 && i < 3000;
      if (!inside) REQUIRE(bytes[i] == std::byte{1});
      if (bytes[i] == std::byte{2}) ++fresh;
    }
    kept |= fresh == 2000;
    lost |= fresh == 0;
    torn |= fresh != 0 && fresh != 2000;
  }
  CHECK(kept);
  CHECK(lost);
  CHECK(torn);
}

TEST_CASE("sim disk: a new file survives for certain only once its folder is synced") {
  int survived = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SimDisk disk("sim");
    auto file = disk.open("/d/f").value();
    REQUIRE(file->write_at(0, as_bytes("x")));
    REQUIRE(file->sync());
    disk.power_cut(seed);
    survived += disk.exists("/d/f") ? 1 : 0;
  }
  CHECK(survived > 0);
  CHECK(survived < 40);
}

TEST_CASE("sim disk: the death of the process keeps what was written and ends its handles") {
  SimDisk disk("sim");
  auto file = disk.open("/d/f").value();
  REQUIRE(file->write_at(0, as_bytes("abc")));
  disk.crash();
  CHECK_FALSE(file->write_at(0, as_bytes("xyz")));
  CHECK(as_text(disk.content("/d/f")) == "abc");
}

TEST_CASE(
    "sim disk: bytes of a failed sync are gone after a power cut, whatever was synced later") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SimDisk disk("sim");
    auto file = disk.open("/d/f").value();
    REQUIRE(disk.sync_dir("/d"));
    REQUIRE(file->write_at(0, as_bytes("abc")));
    disk.fail_sync(1);
    CHECK_FALSE(file->sync());
    CHECK(file->sync());
    disk.power_cut(seed);
    CHECK(disk.content("/d/f").empty());
  }
}

TEST_CASE("sim disk: with FULL all committed rows survive power cuts, with NORMAL some are lost") {
  int lost_with_normal = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    for (const Synchronous synchronous : {Synchronous::kFull, Synchronous::kNormal}) {
      SimDisk disk("sim");
      {
        auto db = open_on(disk, synchronous).value();
        REQUIRE(insert_rows(db) == kRows);
        disk.power_cut(seed);
      }
      INFO("seed " << seed);
      auto db = open_on(disk).value();
      REQUIRE(db.integrity_check());
      if (synchronous == Synchronous::kFull) {
        REQUIRE(rows_of(db) == kRows);
      } else {
        lost_with_normal += rows_of(db) < kRows ? 1 : 0;
      }
    }
  }
  CHECK(lost_with_normal > 100);
}

TEST_CASE("sim disk: rows seen after the process died at any write or sync survive a power cut") {
  int unsynced = 0;
  for (std::uint64_t n = 1; n < 700; n += 1 + n / 32) {
    SimDisk disk("sim");
    int committed = 0;
    {
      disk.crash_at(n);
      auto db = open_on(disk);
      if (db) committed = insert_rows(*db);
      disk.crash();
    }
    std::int64_t seen = 0;
    disk.heal();
    {
      auto db = open_on(disk).value();
      seen = rows_of(db);
      disk.power_cut(n);
    }
    INFO("n " << n);
    unsynced += seen > committed ? 1 : 0;
    auto db = open_on(disk).value();
    REQUIRE(rows_of(db) == seen);
    REQUIRE(seen >= committed);
  }
  CHECK(unsynced > 10);
}

TEST_CASE("sim disk: whichever write or sync fails, no row is committed falsely") {
  for (const auto kind : {0, 1, 2}) {
    bool reached_the_end = false;
    int cases = 0;
    for (std::uint64_t n = 1; !reached_the_end; n += 1 + n / 16) {
      SimDisk disk("sim");
      int committed = 0;
      {
        if (kind == 0) disk.fail_write(n, SimDisk::Fault::kIo, 1000000);
        if (kind == 1) disk.fail_write(n, SimDisk::Fault::kNoSpace);
        if (kind == 2) disk.fail_sync(n);
        auto db = open_on(disk);
        if (db) committed = insert_rows(*db);
        reached_the_end = (kind == 2 ? disk.syncs() : disk.writes()) < n;
        disk.power_cut(n);
      }
      disk.heal();
      ++cases;
      INFO("kind " << kind << " n " << n);
      auto db = open_on(disk).value();
      REQUIRE(db.integrity_check());
      REQUIRE(rows_of(db) >= committed);
      REQUIRE(rows_of(db) <= committed + 1);
    }
    CHECK(cases > 50);
  }
}

TEST_CASE("sim disk: after a failed sync, a recovery that is cut short does no harm") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SimDisk disk("sim");
    {
      auto db = open_on(disk).value();
      REQUIRE(db.execute("CREATE TABLE wide(i INTEGER PRIMARY KEY, b BLOB)"));
      for (int i = 0; i < 30; ++i) {
        REQUIRE(db.execute("INSERT INTO wide VALUES(NULL, zeroblob(3000))"));
      }
    }
    {
      auto db = open_on(disk).value();
      disk.fail_sync(3);  // that of the frames, after the log's header and the folder
      CHECK_FALSE(db.execute("UPDATE wide SET b = zeroblob(i * 500)"));
      disk.crash();
    }
    disk.heal();
    disk.crash_at(1 + seed % 60);
    {
      const auto db = open_on(disk);
      disk.power_cut(seed);
    }
    disk.heal();
    INFO("seed " << seed);
    auto db = open_on(disk);
    REQUIRE(db);
    REQUIRE(db->integrity_check());
    const auto sum = db->query_integer("SELECT sum(length(b)) FROM wide").value();
    CHECK((sum == 30 * 3000 || sum == 500 * 30 * 31 / 2));
  }
}
