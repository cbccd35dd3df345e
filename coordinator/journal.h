// What the coordinator must not forget, as a dependency: deployments pass a SqliteJournal
// (coordinator/state/sqlite_journal.h), the simulator and most tests none.
//
// An update may be acknowledged, and a model published, only after the sync() that follows its
// add() or commit_round() has returned ok. What load() and replay() return is durable as well.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/slice.h"
#include "common/crypto/sha256.h"

namespace fedqat {

// A run between two rounds.
struct Checkpoint {
  std::uint64_t run = 0;
  std::uint32_t rounds_done = 0;  // 0: the run has begun
  Bytes state;                    // coordinator/run_state.h; the journal does not look inside

  bool operator==(const Checkpoint&) const = default;
};

struct AcceptedUpdate {
  std::uint32_t client = 0;
  std::uint32_t round = 0;    // in which it was trained: the open one, or an earlier one
  std::uint64_t version = 0;  // of the model it was trained on
  Digest digest{};            // update_digest() of the two below
  Slice payload;
  Bytes stats;

  bool operator==(const AcceptedUpdate&) const = default;
};

struct Recovered {
  Checkpoint checkpoint;               // the newest
  std::uint32_t attempt = 1;           // of the open round, rounds_done + 1
  std::vector<std::uint32_t> invited;  // to the open round out of turn, in client order
};

// Not thread-safe. Errors name the file and the remedy.
//
// The open round is that after the newest checkpoint, counting those not yet synced. Everything
// between two calls of sync() becomes durable together or not at all. After a failed sync() nobody
// knows what is on the disk: every later call fails, and the process has to start again.
class Journal {
 public:
  virtual ~Journal() = default;
  // Empty: nothing was committed yet. kCorrupt, kIo.
  virtual Result<std::optional<Recovered>> load() = 0;
  // Calls `each` for every update that counts in the open round, in the order of the rounds they
  // were trained in, then of clients, with its payload verified; holds one update at a time. Ends
  // at the first error of `each` and returns it. kInvalid: called with unsynced updates. kCorrupt,
  // kIo.
  virtual Result<void> replay(const std::function<Result<void>(AcceptedUpdate&&)>& each) = 0;
  // Buffered. kUnavailable: no space; kIo. After an error the update is not in the journal, and
  // others may follow. kInvalid: of a round to come, or the client's update of that round is there
  // already.
  virtual Result<void> add(const AcceptedUpdate& update) = 0;
  // Buffered. The open round was extended: it is in its `attempt`-th attempt now.
  virtual Result<void> add_attempt(std::uint32_t round, std::uint32_t attempt) = 0;
  // Buffered. A client was invited to the open round that nothing else would tell of. Again is ok.
  virtual Result<void> add_invited(std::uint32_t round, std::uint32_t client) = 0;
  // Buffered. The open round is closed: its updates are forgotten. The first checkpoint may have
  // any number of rounds done. kInvalid: not the open round.
  virtual Result<void> commit_round(const Checkpoint& checkpoint) = 0;
  // Group commit: payloads first, then one transaction. Ok at once when nothing is buffered.
  virtual Result<void> sync() = 0;
  // Something is buffered, or a sync failed: sync() is to be called.
  virtual bool dirty() const = 0;
};

}  // namespace fedqat
