#include "coordinator/state/sqlite_journal.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "common/base/crc32c.h"
#include "common/base/failpoint.h"
#include "coordinator/state/journal_rows.h"

namespace fedqat {
namespace {

namespace stdfs = std::filesystem;

std::uint32_t u32(std::int64_t v) { return static_cast<std::uint32_t>(v); }
Bytes bytes_of(ByteView view) { return {view.begin(), view.end()}; }

class SqliteJournal final : public Journal {
 public:
  SqliteJournal(Database db, Segment segment, stdfs::path path)
      : db_(std::move(db)), segment_(std::move(segment)), path_(std::move(path)) {}

  Result<void> recover();
  void sync_payloads(bool on) { sync_payloads_ = on; }

  Result<std::optional<Recovered>> load() override;
  Result<void> replay(const std::function<Result<void>(AcceptedUpdate&&)>& each) override;
  Result<void> add(const AcceptedUpdate& update) override;
  Result<void> add_attempt(std::uint32_t round, std::uint32_t attempt) override;
  Result<void> add_invited(std::uint32_t round, std::uint32_t client) override;
  Result<void> commit_round(const Checkpoint& checkpoint) override;
  Result<void> sync() override;
  bool dirty() const override { return broken_ || !pending_.empty(); }

 private:
  Result<void> usable() const;
  Result<void> settled() const;
  Result<void> expect_open(std::uint32_t round) const;
  Error invalid(std::string what) const;
  Error corrupt(std::string what) const;
  Result<Digest> digest(ByteView blob) const;
  Result<void> write_pending();

  bool sync_payloads_ = true;
  Database db_;
  Segment segment_;
  stdfs::path path_;
  bool broken_ = false;
  std::vector<JournalRow> pending_;
  // As if `pending_` were written:
  std::optional<std::uint32_t> done_;                          // rounds; empty: no checkpoint yet
  std::set<std::pair<std::uint32_t, std::uint32_t>> updates_;  // round, client
  std::uint64_t in_segment_ = 0;                               // records of the open round
};

Error SqliteJournal::invalid(std::string what) const {
  return {Errc::kInvalid, path_.string() + ": " + std::move(what)};
}

Error SqliteJournal::corrupt(std::string what) const {
  return {Errc::kCorrupt, path_.string() + ": " + std::move(what) + "; restore it from a backup"};
}

Result<void> SqliteJournal::usable() const {
  if (!broken_) return {};
  return Error{Errc::kIo, path_.string() +
                              ": an earlier sync failed, nobody knows what is on the "
                              "disk; start the coordinator again"};
}

Result<void> SqliteJournal::settled() const {
  if (auto r = usable(); !r) return r;
  if (dirty()) return invalid("to be read only when everything is synced");
  return {};
}

Result<void> SqliteJournal::expect_open(std::uint32_t round) const {
  if (done_ && round == *done_ + 1) return {};
  return invalid("round " + std::to_string(round) + " is not open");
}

Result<Digest> SqliteJournal::digest(ByteView blob) const {
  Digest d{};
  if (blob.size() != d.size())
    return corrupt("a hash of " + std::to_string(blob.size()) + " bytes");
  std::copy(blob.begin(), blob.end(), d.begin());
  return d;
}

// The state that the calls below keep, from what is on the disk.
Result<void> SqliteJournal::recover() {
  if (auto r = db_.integrity_check(); !r) return r;
  auto newest = db_.prepare("SELECT max(rounds_done) FROM checkpoint");
  if (!newest) return newest.error();
  if (auto row = newest->step(); !row) return row.error();
  if (!newest->is_null(0)) done_ = u32(newest->integer(0));
  auto rows = db_.prepare("SELECT round, client, offset, length FROM updates");
  if (!rows) return rows.error();
  std::uint64_t end = 0;
  while (true) {
    auto row = rows->step();
    if (!row) return row.error();
    if (!*row) break;
    if (!done_ || u32(rows->integer(0)) > *done_ + 1) return corrupt("an update of no open round");
    updates_.emplace(u32(rows->integer(0)), u32(rows->integer(1)));
    if (rows->is_null(2)) continue;
    const Location at{static_cast<std::uint64_t>(rows->integer(2)), u32(rows->integer(3)), 0};
    end = std::max(end, at.end());
    ++in_segment_;
  }
  segment_.reset(end);
  return {};
}

Result<std::optional<Recovered>> SqliteJournal::load() {
  if (auto r = settled(); !r) return r.error();
  auto row = db_.prepare(
      "SELECT rounds_done, run, state FROM checkpoint ORDER BY rounds_done DESC LIMIT 1");
  if (!row) return row.error();
  auto found = row->step();
  if (!found) return found.error();
  if (!*found) return std::optional<Recovered>();
  Recovered recovered;
  Checkpoint& c = recovered.checkpoint;
  c.rounds_done = u32(row->integer(0));
  c.run = static_cast<std::uint64_t>(row->integer(1));
  c.state = bytes_of(row->blob(2));

  auto attempt = db_.prepare("SELECT attempt FROM attempts WHERE round = ?");
  if (!attempt) return attempt.error();
  found = attempt->bind(0, std::int64_t{c.rounds_done} + 1).step();
  if (!found) return found.error();
  if (*found) recovered.attempt = u32(attempt->integer(0));

  auto invited = db_.prepare("SELECT client FROM invited WHERE round = ? ORDER BY client");
  if (!invited) return invited.error();
  invited->bind(0, std::int64_t{c.rounds_done} + 1);
  while (true) {
    found = invited->step();
    if (!found) return found.error();
    if (!*found) return std::optional(std::move(recovered));
    recovered.invited.push_back(u32(invited->integer(0)));
  }
}

Result<void> SqliteJournal::replay(const std::function<Result<void>(AcceptedUpdate&&)>& each) {
  if (auto r = settled(); !r) return r;
  auto row = db_.prepare(
      "SELECT client, version, digest, stats, crc, payload, offset, length, round FROM updates "
      "ORDER BY round, client");
  if (!row) return row.error();
  while (true) {
    auto found = row->step();
    if (!found) return found.error();
    if (!*found) return {};
    AcceptedUpdate update;
    update.client = u32(row->integer(0));
    update.round = u32(row->integer(8));
    update.version = static_cast<std::uint64_t>(row->integer(1));
    auto hash = digest(row->blob(2));
    if (!hash) return hash.error();
    update.digest = *hash;
    update.stats = bytes_of(row->blob(3));
    const std::uint32_t crc = u32(row->integer(4));
    if (row->is_null(5)) {
      auto payload =
          segment_.read({static_cast<std::uint64_t>(row->integer(6)), u32(row->integer(7)), crc});
      if (!payload) return payload.error();
      update.payload = *std::move(payload);
    } else {
      update.payload = bytes_of(row->blob(5));
      if (crc32c(update.payload) != crc) {
        return corrupt("the update of client " + std::to_string(update.client) + " was changed");
      }
    }
    if (auto r = each(std::move(update)); !r) return r;
  }
}

Result<void> SqliteJournal::add(const AcceptedUpdate& update) {
  if (auto r = usable(); !r) return r;
  if (!done_ || update.round > *done_ + 1) {
    return invalid("round " + std::to_string(update.round) + " is not open");
  }
  const std::pair place(update.round, update.client);
  if (updates_.contains(place)) {
    return invalid("the update of client " + std::to_string(update.client) + " is there already");
  }
  UpdateRow p;
  p.update.client = update.client;
  p.update.round = update.round;
  p.update.version = update.version;
  p.update.digest = update.digest;
  p.update.stats = update.stats;
  FEDQAT_FAILPOINT("journal.add.before_payload");
  if (update.payload.size() < kInlineBytes) {
    p.update.payload = update.payload;
    p.crc = crc32c(update.payload);
  } else {
    auto location = segment_.append(update.payload);
    if (!location) {
      broken_ = segment_.broken();  // a sync failed while it grew: the next sync() must say so
      return location.error();
    }
    p.location = *location;
    p.crc = location->crc;
    ++in_segment_;
  }
  FEDQAT_FAILPOINT("journal.add.after_payload");
  pending_.emplace_back(std::move(p));
  updates_.insert(place);
  return {};
}

Result<void> SqliteJournal::add_attempt(std::uint32_t round, std::uint32_t attempt) {
  if (auto r = usable(); !r) return r;
  if (auto r = expect_open(round); !r) return r;
  pending_.emplace_back(AttemptRow{round, attempt});
  return {};
}

Result<void> SqliteJournal::add_invited(std::uint32_t round, std::uint32_t client) {
  if (auto r = usable(); !r) return r;
  if (auto r = expect_open(round); !r) return r;
  pending_.emplace_back(InvitedRow{round, client});
  return {};
}

Result<void> SqliteJournal::commit_round(const Checkpoint& checkpoint) {
  if (auto r = usable(); !r) return r;
  if (done_) {
    if (auto r = expect_open(checkpoint.rounds_done); !r) return r;
  }
  pending_.emplace_back(checkpoint);
  done_ = checkpoint.rounds_done;
  updates_.clear();
  in_segment_ = 0;
  return {};
}

Result<void> SqliteJournal::sync() {
  if (auto r = usable(); !r) return r;
  if (!dirty()) return {};
  broken_ = true;  // until everything has worked
  if (auto r = sync_payloads_ ? segment_.sync() : segment_.flush(); !r) return r;
  if (auto r = write_pending(); !r) return r;
  broken_ = false;
  const bool closed = std::any_of(pending_.begin(), pending_.end(), [](const JournalRow& p) {
    return std::holds_alternative<Checkpoint>(p);
  });
  pending_.clear();
  // Only now is it durable that nothing refers to the records of closed rounds.
  FEDQAT_FAILPOINT("journal.sync.before_reuse");
  if (closed && in_segment_ == 0) segment_.reset(0);
  FEDQAT_FAILPOINT("journal.sync.after_reuse");
  return {};
}

Result<void> SqliteJournal::write_pending() {
  FEDQAT_FAILPOINT("journal.sync.before_begin");
  auto transaction = db_.begin();
  if (!transaction) return transaction.error();
  FEDQAT_FAILPOINT("journal.sync.after_begin");
  for (const JournalRow& row : pending_) {
    if (auto r = write_row(db_, row); !r) return r;
  }
  FEDQAT_FAILPOINT("journal.sync.before_commit");
  if (auto r = transaction->commit(); !r) return r;
  FEDQAT_FAILPOINT("journal.sync.after_commit");
  return {};
}

}  // namespace

Result<std::unique_ptr<Journal>> open_sqlite_journal(const stdfs::path& database,
                                                     const stdfs::path& segment,
                                                     const SqliteJournalOptions& options) {
  DatabaseOptions settings;
  settings.exclusive = true;
  settings.synchronous = options.synchronous;
  settings.vfs = options.vfs;
  settings.files = options.files;
  FEDQAT_FAILPOINT("journal.open.before_database");
  auto db = Database::open(database, settings);
  if (!db) return db.error();
  FEDQAT_FAILPOINT("journal.open.before_migrate");
  if (auto r = db->migrate(kJournalApplicationId, journal_schema()); !r) return r.error();
  FEDQAT_FAILPOINT("journal.open.after_migrate");
  Files& files = options.files == nullptr ? posix_files() : *options.files;
  auto payloads = Segment::open(files, segment, options.segment_growth);
  if (!payloads) return payloads.error();
  FEDQAT_FAILPOINT("journal.open.after_segment");
  auto journal = std::make_unique<SqliteJournal>(*std::move(db), *std::move(payloads), database);
  journal->sync_payloads(options.sync_payloads);
  if (auto r = journal->recover(); !r) return r.error();
  return std::unique_ptr<Journal>(std::move(journal));
}

}  // namespace fedqat
