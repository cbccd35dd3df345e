// Drives a journal with random operations and knows what must be in it afterwards.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "common/base/rng.h"
#include "coordinator/journal.h"

namespace fedqat {

inline Bytes random_bytes(Rng& rng, std::size_t size) {
  Bytes bytes(size);
  for (std::byte& b : bytes) b = static_cast<std::byte>(rng.next_u32());
  return bytes;
}

inline AcceptedUpdate random_update(Rng& rng, std::uint32_t round, std::uint32_t client,
                                    std::size_t large) {
  AcceptedUpdate u;
  u.client = client;
  u.round = round;
  u.version = round;
  u.payload = random_bytes(rng, rng.below(3) == 0 ? large + rng.below(5000) : rng.below(3000));
  u.stats = random_bytes(rng, rng.below(40));
  u.digest = sha256(u.payload);
  return u;
}

inline Checkpoint random_checkpoint(Rng& rng, std::uint32_t rounds_done) {
  Checkpoint c;
  c.run = ~std::uint64_t{5};
  c.rounds_done = rounds_done;
  c.state = random_bytes(rng, 1 + rng.below(9000));
  return c;
}

// All that load() and replay() tell.
struct JournalContent {
  bool any = false;
  Checkpoint checkpoint;
  std::uint32_t attempt = 1;
  std::set<std::uint32_t> invited;
  std::map<std::pair<std::uint32_t, std::uint32_t>, AcceptedUpdate> updates;  // round, client

  bool operator==(const JournalContent& o) const {
    return any == o.any && checkpoint == o.checkpoint && attempt == o.attempt &&
           invited == o.invited && updates == o.updates;
  }
};

inline Result<JournalContent> content_of(Journal& journal) {
  JournalContent content;
  auto loaded = journal.load();
  if (!loaded) return loaded.error();
  if (!*loaded) return content;
  content.any = true;
  content.checkpoint = (*loaded)->checkpoint;
  content.attempt = (*loaded)->attempt;
  content.invited = {(*loaded)->invited.begin(), (*loaded)->invited.end()};
  auto replayed = journal.replay([&](AcceptedUpdate&& u) -> Result<void> {
    const std::pair place(u.round, u.client);
    // In order, so none twice.
    REQUIRE((content.updates.empty() || content.updates.rbegin()->first < place));
    content.updates[place] = std::move(u);
    return {};
  });
  if (!replayed) return replayed.error();
  return content;
}

// What the journal holds if nothing goes wrong. Batches are all or nothing: whatever is found later
// is `durable`, or that and the whole of what was buffered.
struct JournalModel {
  JournalContent durable;
  JournalContent buffered;

  // One random operation; false: the journal failed.
  bool step(Journal& journal, Rng& rng, std::size_t large) {
    if (!buffered.any) return commit(journal, random_checkpoint(rng, rng.below(3)));
    const std::uint32_t open = buffered.checkpoint.rounds_done + 1;
    const std::uint32_t lot = rng.below(100);
    if (lot < 55) {
      const std::uint32_t client = rng.below(40);
      const std::uint32_t trained = open - std::min(open - 1, rng.below(3));
      const AcceptedUpdate update = random_update(rng, trained, client, large);
      const bool known = buffered.updates.contains({trained, client});
      const auto added = journal.add(update);
      if (known) {
        REQUIRE_FALSE(added);
        return true;
      }
      if (added) buffered.updates[{trained, client}] = update;
      return added || added.error().code == Errc::kUnavailable;
    }
    if (lot < 60) {
      if (!journal.add_attempt(open, buffered.attempt + 1)) return false;
      ++buffered.attempt;
      return true;
    }
    if (lot < 65) {
      const std::uint32_t client = rng.below(40);
      if (!journal.add_invited(open, client)) return false;
      buffered.invited.insert(client);
      return true;
    }
    if (lot < 70) return commit(journal, random_checkpoint(rng, open));
    if (!journal.sync()) return false;
    durable = buffered;
    return true;
  }

  bool commit(Journal& journal, const Checkpoint& checkpoint) {
    if (!journal.commit_round(checkpoint)) return false;
    JournalContent next;
    next.any = true;
    next.checkpoint = checkpoint;
    buffered = std::move(next);
    return true;
  }

  bool explains(const JournalContent& found) const { return found == durable || found == buffered; }
};

}  // namespace fedqat
