#include "coordinator/state/journal_rows.h"

#include <string>

#include "common/base/failpoint.h"

namespace fedqat {
namespace {

// On disk: frozen. A change is a further step.
constexpr std::string_view kSchema[] = {R"(
  CREATE TABLE checkpoint(
    rounds_done INTEGER PRIMARY KEY, run INTEGER NOT NULL, state BLOB NOT NULL
  ) STRICT;
  CREATE TABLE updates(
    round INTEGER NOT NULL, client INTEGER NOT NULL, version INTEGER NOT NULL,
    sha256 BLOB NOT NULL, stats BLOB NOT NULL, crc INTEGER NOT NULL,
    payload BLOB, offset INTEGER, length INTEGER,
    PRIMARY KEY(round, client), CHECK((payload IS NULL) = (offset IS NOT NULL))
  ) STRICT;
  CREATE TABLE previous(
    round INTEGER NOT NULL, client INTEGER NOT NULL, sha256 BLOB NOT NULL,
    PRIMARY KEY(round, client)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE attempts(round INTEGER PRIMARY KEY, attempt INTEGER NOT NULL) STRICT;
)",
                                        // The checkpoint's state has these since.
                                        R"(
  DROP TABLE previous;
  CREATE TABLE invited(
    round INTEGER NOT NULL, client INTEGER NOT NULL, PRIMARY KEY(round, client)
  ) STRICT, WITHOUT ROWID;
)",
                                        "ALTER TABLE updates RENAME COLUMN sha256 TO digest"};

std::int64_t stored(std::uint64_t v) { return static_cast<std::int64_t>(v); }

Result<void> write(Database& db, const UpdateRow& p) {
  auto insert = db.prepare(
      "INSERT INTO updates(round, client, version, digest, stats, crc, payload, offset, length) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return insert.error();
  const AcceptedUpdate& u = p.update;
  insert->bind(0, std::int64_t{u.round}).bind(1, std::int64_t{u.client});
  insert->bind(2, stored(u.version)).bind(3, ByteView(u.digest)).bind(4, ByteView(u.stats));
  insert->bind(5, std::int64_t{p.crc});
  if (p.location) {
    insert->bind_null(6).bind(7, stored(p.location->offset));
    insert->bind(8, std::int64_t{p.location->length});
  } else {
    insert->bind(6, ByteView(u.payload)).bind_null(7).bind_null(8);
  }
  FEDQAT_FAILPOINT("journal.update.before_insert");
  auto done = insert->run();
  FEDQAT_FAILPOINT("journal.update.after_insert");
  return done;
}

Result<void> write(Database& db, const AttemptRow& p) {
  auto insert = db.prepare("INSERT OR REPLACE INTO attempts VALUES(?, ?)");
  if (!insert) return insert.error();
  FEDQAT_FAILPOINT("journal.attempt.before_insert");
  auto done = insert->bind(0, std::int64_t{p.round}).bind(1, std::int64_t{p.attempt}).run();
  FEDQAT_FAILPOINT("journal.attempt.after_insert");
  return done;
}

Result<void> write(Database& db, const InvitedRow& p) {
  auto insert = db.prepare("INSERT OR REPLACE INTO invited VALUES(?, ?)");
  if (!insert) return insert.error();
  FEDQAT_FAILPOINT("journal.invited.before_insert");
  auto done = insert->bind(0, std::int64_t{p.round}).bind(1, std::int64_t{p.client}).run();
  FEDQAT_FAILPOINT("journal.invited.after_insert");
  return done;
}

Result<void> write(Database& db, const Checkpoint& c) {
  auto insert = db.prepare("INSERT INTO checkpoint VALUES(?, ?, ?)");
  if (!insert) return insert.error();
  insert->bind(0, std::int64_t{c.rounds_done}).bind(1, stored(c.run)).bind(2, ByteView(c.state));
  FEDQAT_FAILPOINT("journal.checkpoint.before_insert");
  if (auto r = insert->run(); !r) return r;
  FEDQAT_FAILPOINT("journal.checkpoint.after_insert");
  const std::string done = std::to_string(c.rounds_done);
  auto forgotten = db.execute("DELETE FROM checkpoint WHERE rounds_done < " + done + " - 1;" +
                              "DELETE FROM updates WHERE round <= " + done + ";" +
                              "DELETE FROM attempts WHERE round <= " + done + ";" +
                              "DELETE FROM invited WHERE round <= " + done);
  FEDQAT_FAILPOINT("journal.checkpoint.after_forget");
  return forgotten;
}

}  // namespace

std::span<const std::string_view> journal_schema() { return kSchema; }

Result<void> write_row(Database& db, const JournalRow& row) {
  return std::visit([&db](const auto& r) { return write(db, r); }, row);
}

}  // namespace fedqat
