#include "coordinator/state/sqlite_journal.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <utility>

#include "common/base/failpoint.h"
#include "tests/coordinator/state/journal_model.h"
#include "tests/support/sim_disk.h"
#include "tests/support/temp_dir.h"

using namespace fedqat;

namespace {

constexpr std::size_t kLarge = kInlineBytes;

const char* const kDb = "/state/journal.db";
const char* const kSegment = "/state/payloads.seg";

Result<std::unique_ptr<Journal>> open_sim(SimDisk& disk,
                                          Synchronous synchronous = Synchronous::kFull,
                                          std::uint64_t growth = 256 << 10) {
  SqliteJournalOptions options;
  options.files = &disk;
  options.vfs = "sim";
  options.synchronous = synchronous;
  options.segment_growth = growth;
  return open_sqlite_journal(kDb, kSegment, options);
}

Result<std::unique_ptr<Journal>> open_real(const TempDir& dir) {
  return open_sqlite_journal(dir.path() / "journal.db", dir.path() / "payloads.seg");
}

Checkpoint begin_run(Journal& journal) {
  Rng rng({.seed = 1});
  const Checkpoint c = random_checkpoint(rng, 0);
  REQUIRE(journal.commit_round(c));
  REQUIRE(journal.sync());
  return c;
}

// Stops the process of a simulated disk at a failpoint.
struct Stopped {};
SimDisk* g_disk = nullptr;
std::map<std::string, int> g_passed;
std::string g_stop_at;
void stop_at_failpoint(const char* name) {
  ++g_passed[name];
  if (g_stop_at != name) return;
  g_disk->crash();
  throw Stopped{};
}

class FailpointGuard {
 public:
  FailpointGuard() { set_failpoint_handler(stop_at_failpoint); }
  ~FailpointGuard() { set_failpoint_handler(nullptr); }
  FailpointGuard(const FailpointGuard&) = delete;
  FailpointGuard& operator=(const FailpointGuard&) = delete;
};

}  // namespace

TEST_CASE("journal: an empty one has nothing, and takes updates only after a checkpoint") {
  const TempDir dir;
  auto journal = open_real(dir).value();
  CHECK_FALSE(journal->load().value());
  CHECK_FALSE(journal->dirty());
  CHECK(journal->sync());
  AcceptedUpdate update;
  update.round = 1;
  CHECK(journal->add(update).error().code == Errc::kInvalid);
  CHECK(journal->add_attempt(1, 2).error().code == Errc::kInvalid);
}

TEST_CASE("journal: rounds on real files are found again by the next process") {
  const TempDir dir;
  Rng rng({.seed = 5});
  JournalModel model;
  for (int process = 0; process < 10; ++process) {
    auto journal = open_real(dir).value();
    CHECK(content_of(*journal).value() == model.durable);
    model.buffered = model.durable;
    for (int i = 0; i < 60; ++i) REQUIRE(model.step(*journal, rng, kLarge));
    REQUIRE(journal->sync());
    model.durable = model.buffered;
    CHECK(content_of(*journal).value() == model.durable);
  }
}

TEST_CASE("journal: a round's update of a client is taken once, and none of a round to come") {
  const TempDir dir;
  auto journal = open_real(dir).value();
  begin_run(*journal);
  Rng rng({.seed = 2});
  const AcceptedUpdate update = random_update(rng, 1, 3, kLarge);
  REQUIRE(journal->add(update));
  CHECK(journal->dirty());
  CHECK(journal->add(update).error().code == Errc::kInvalid);
  CHECK(journal->add(random_update(rng, 2, 4, kLarge)).error().code == Errc::kInvalid);
  CHECK(journal->replay([](AcceptedUpdate&&) { return Result<void>(); }).error().code ==
        Errc::kInvalid);  // unsynced
  REQUIRE(journal->sync());
  CHECK(journal->add(update).error().code == Errc::kInvalid);
  CHECK(journal->commit_round(random_checkpoint(rng, 2)).error().code == Errc::kInvalid);
  REQUIRE(journal->commit_round(random_checkpoint(rng, 1)));
  CHECK(journal->add(random_update(rng, 3, 3, kLarge)).error().code == Errc::kInvalid);
  REQUIRE(journal->add(random_update(rng, 2, 3, kLarge)));
  REQUIRE(journal->add(random_update(rng, 1, 4, kLarge)));  // late, counts in round 2
  REQUIRE(journal->sync());
  std::vector<std::uint32_t> rounds;
  REQUIRE(journal->replay([&](AcceptedUpdate&& u) -> Result<void> {
    rounds.push_back(u.round);
    return {};
  }));
  CHECK(rounds == std::vector<std::uint32_t>{1, 2});
}

TEST_CASE("journal: replay ends with the first error of its receiver") {
  const TempDir dir;
  auto journal = open_real(dir).value();
  begin_run(*journal);
  Rng rng({.seed = 2});
  for (std::uint32_t c = 0; c < 3; ++c) REQUIRE(journal->add(random_update(rng, 1, c, kLarge)));
  REQUIRE(journal->sync());
  int calls = 0;
  const auto r = journal->replay([&](AcceptedUpdate&&) -> Result<void> {
    ++calls;
    return Error{Errc::kRejected, "no"};
  });
  CHECK(r.error().code == Errc::kRejected);
  CHECK(calls == 1);
}

TEST_CASE("journal: a second one on the same files is refused") {
  const TempDir dir;
  auto journal = open_real(dir).value();
  begin_run(*journal);
  CHECK(open_real(dir).error().code == Errc::kUnavailable);
}

TEST_CASE("journal: a changed payload is noticed") {
  SimDisk disk("sim");
  {
    auto journal = open_sim(disk).value();
    begin_run(*journal);
    AcceptedUpdate update;
    update.round = 1;
    update.payload = Bytes(kLarge, std::byte{3});
    REQUIRE(journal->add(update));
    REQUIRE(journal->sync());
  }
  disk.content(kSegment)[5000] ^= std::byte{1};
  auto journal = open_sim(disk).value();
  const auto r = journal->replay([](AcceptedUpdate&&) { return Result<void>(); });
  CHECK(r.error().code == Errc::kCorrupt);
}

TEST_CASE("journal: without syncs of payloads a crash of the process alone loses nothing") {
  SimDisk disk("sim");
  const auto open = [&] {
    return open_sqlite_journal(kDb, kSegment,
                               {.files = &disk,
                                .vfs = disk.name(),
                                .synchronous = Synchronous::kNormal,
                                .sync_payloads = false})
        .value();
  };
  auto journal = open();
  begin_run(*journal);
  Rng rng({.seed = 6});
  for (std::uint32_t round = 1; round < 4; ++round) {
    std::map<std::uint32_t, AcceptedUpdate> sent;
    for (std::uint32_t client = 0; client < 3; ++client) {
      AcceptedUpdate update = random_update(rng, round, client, kLarge);
      update.payload = random_bytes(rng, kLarge);
      REQUIRE(journal->add(update));
      sent[client] = update;
    }
    REQUIRE(journal->sync());
    disk.crash();
    journal.reset();
    journal = open();
    std::map<std::uint32_t, AcceptedUpdate> found;
    REQUIRE(journal->replay([&](AcceptedUpdate&& u) -> Result<void> {
      found[u.client] = std::move(u);
      return {};
    }));
    CHECK(found == sent);
    REQUIRE(journal->commit_round(random_checkpoint(rng, round)));
    REQUIRE(journal->sync());
  }
}

TEST_CASE("journal: the segment's space is used again, round after round") {
  SimDisk disk("sim");
  auto journal = open_sim(disk).value();
  begin_run(*journal);
  Rng rng({.seed = 3});
  for (std::uint32_t round = 1; round < 40; ++round) {
    for (std::uint32_t client = 0; client < 3; ++client) {
      AcceptedUpdate update = random_update(rng, round, client, kLarge);
      update.payload = random_bytes(rng, kLarge);
      REQUIRE(journal->add(update));
    }
    if (round % 2 == 0) REQUIRE(journal->sync());
    REQUIRE(journal->commit_round(random_checkpoint(rng, round)));
    REQUIRE(journal->sync());
  }
  CHECK(disk.content(kSegment).size() == 256 << 10);
  CHECK(disk.content(kDb).size() < 200 << 10);
}

TEST_CASE("journal: an update for which there is no space is refused, the others stay") {
  SimDisk disk("sim");
  JournalContent expected;
  {
    auto journal = open_sim(disk, Synchronous::kFull, 1).value();  // every update takes new space
    expected.any = true;
    expected.checkpoint = begin_run(*journal);
    Rng rng({.seed = 4});
    for (std::uint32_t client = 0; client < 20; ++client) {
      AcceptedUpdate update = random_update(rng, 1, client, kLarge);
      update.payload = random_bytes(rng, kLarge);
      if (client % 3 == 1) disk.fail_write(1, SimDisk::Fault::kNoSpace, 2);
      const auto added = journal->add(update);
      const bool refused = !added && added.error().code == Errc::kUnavailable;
      CHECK(refused == (client % 3 == 1));
      disk.heal();
      if (added) expected.updates[{1, client}] = update;
    }
    REQUIRE(journal->sync());
    CHECK(content_of(*journal).value() == expected);
    disk.power_cut(1);
  }
  auto journal = open_sim(disk).value();
  CHECK(content_of(*journal).value() == expected);
}

TEST_CASE("journal: a sync that fails while the segment grows is noticed, and final") {
  SimDisk disk("sim");
  auto journal = open_sim(disk).value();
  begin_run(*journal);
  disk.fail_sync(1);
  AcceptedUpdate update;
  update.round = 1;
  update.payload = Bytes(kLarge);
  CHECK_FALSE(journal->add(update));
  CHECK(journal->dirty());  // or nobody would call sync(), and every large update be refused
  CHECK_FALSE(journal->sync());
}

TEST_CASE("journal: a failed sync is final") {
  // Of the segment, of the database's log.
  for (const std::uint64_t n : {1, 2}) {
    SimDisk disk("sim");
    auto journal = open_sim(disk).value();
    begin_run(*journal);
    AcceptedUpdate update;
    update.round = 1;
    for (; update.client < 2; ++update.client) {
      update.payload = Bytes(kLarge);
      REQUIRE(journal->add(update));
    }
    disk.fail_sync(n);
    CHECK_FALSE(journal->sync());
    CHECK(journal->sync().error().what.find("start the coordinator again") != std::string::npos);
    CHECK_FALSE(journal->add(update));
    CHECK_FALSE(journal->add_attempt(1, 2));
    CHECK_FALSE(journal->commit_round({}));
    CHECK_FALSE(journal->load());
    CHECK(journal->dirty());
  }
}

namespace {

// A life of several processes on one disk, with an end of random kind at a random moment each.
// Returns false if something that was promised is gone.
bool live_and_die(std::uint64_t seed, Synchronous synchronous) {
  SimDisk disk("sim");
  Rng rng({.seed = seed, .client = 1});
  JournalModel model;
  for (std::uint64_t process = 0; process < 6; ++process) {
    disk.heal();
    // Half of them die at a disk operation, also while they recover; the others between two calls.
    if (rng.below(2) == 0) disk.crash_at(1 + rng.below(120));
    if (rng.below(4) == 0) disk.fail_write(1 + rng.below(60), SimDisk::Fault::kNoSpace);
    if (rng.below(8) == 0) disk.fail_sync(1 + rng.below(60));
    {
      auto journal = open_sim(disk, synchronous);
      if (journal && (*journal)->load()) {
        const auto content = content_of(**journal);
        if (!content) return false;
        const JournalContent& found = *content;
        if (!model.explains(found)) return false;
        // Whatever a coordinator sees it may acknowledge again and publish.
        model.durable = found;
        model.buffered = found;
        for (std::uint32_t i = rng.below(60); i > 0; --i) {
          if (!model.step(**journal, rng, kLarge)) break;
        }
      }
      if (rng.below(2) == 0) {
        disk.crash();
      } else {
        disk.power_cut(rng.next_u64());
      }
    }
  }
  disk.heal();
  auto journal = open_sim(disk, synchronous);
  if (!journal) return false;
  const auto content = content_of(**journal);
  return content && model.explains(*content);
}

}  // namespace

TEST_CASE("journal: over 300 lives nothing that was synced is lost, doubled or mixed") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    REQUIRE(live_and_die(seed, Synchronous::kFull));
  }
}

TEST_CASE("journal: the same lives with NORMAL lose something") {
  int failed = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    failed += live_and_die(seed, Synchronous::kNormal) ? 0 : 1;
  }
  CHECK(failed > 5);
}

TEST_CASE("journal: stopped at any failpoint, then without power, it is old or new") {
  const FailpointGuard guard;
  std::map<std::string, int> all;
  for (bool listing = true;; listing = false) {
    if (!listing && all.empty()) break;
    g_stop_at = listing ? "" : all.begin()->first;
    if (!listing) all.erase(all.begin());
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      SimDisk disk("sim");
      g_disk = &disk;
      g_passed.clear();
      JournalModel model;
      Rng rng({.seed = seed});
      {
        std::unique_ptr<Journal> journal;
        try {
          journal = open_sim(disk).value();
          while (listing ? model.durable.checkpoint.rounds_done < 4 : true) {
            if (!model.step(*journal, rng, kLarge)) FAIL("a step failed");  // lets Stopped through
          }
          for (const auto& [name, count] : g_passed) all[name] += count;
        } catch (const Stopped&) {
        }
        if (seed % 2 == 0) disk.power_cut(seed);
        disk.crash();
      }
      if (listing) continue;
      INFO(g_stop_at << ", seed " << seed);
      const std::string stop = std::exchange(g_stop_at, "");
      auto journal = open_sim(disk).value();
      REQUIRE(model.explains(content_of(*journal).value()));
      g_stop_at = stop;
    }
    if (listing) REQUIRE(all.size() >= 14);
  }
}
