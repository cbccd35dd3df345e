// One round as a state machine without I/O: an event and the time go in, actions come out. Who
// carries them out is coordinator/service.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "common/wire/messages.h"

namespace fedqat {

using ClientId = std::uint32_t;  // 0 .. clients of the run - 1

struct RoundRules {
  std::uint64_t run = 0;
  std::uint32_t round = 1;
  std::uint64_t version = 0;        // of the model that is trained
  std::uint32_t goal = 1;           // updates that end the round at once
  std::uint32_t quorum = 1;         // updates that suffice at the deadline, 1..goal
  std::int64_t length_ms = 1;       // from opening, and from each extension, to the deadline
  std::uint32_t max_attempts = 10;  // deadlines without quorum before the round is abandoned
  // Pace steering: who has nothing to do comes back when the round may be over, but no sooner than
  // the coordinator can serve all of them.
  std::int64_t expected_ms = 0;        // how long the round may take, 0: not known
  std::int64_t least_retry_ms = 1000;  // 1..kMaxRetryMs
};

struct CheckedIn {
  ClientId who = 0;
};
// A whole update, known by its tag and hash.
struct Uploaded {
  ClientId who = 0;
  std::uint64_t run = 0;
  std::uint32_t round = 0;
  std::uint64_t version = 0;
  Digest digest{};
};
// An update of an earlier round was accepted there and counts in this one.
struct CountedLate {};
struct Ticked {};
using Event = std::variant<CheckedIn, Uploaded, CountedLate, Ticked>;

struct GiveTask {
  std::int64_t deadline_ms = 0;  // from now
};
struct ComeBack {
  std::uint32_t after_ms = 0;
};
struct Accept {};    // add the update, then acknowledge it
struct AckAgain {};  // it is there already: acknowledge, do not add
struct Refuse {
  RefusalCode code = RefusalCode::kMalformed;
};
struct Commit {};   // the round is closed, its sum is final
struct Extend {};   // no quorum: what is there stays, invite() more clients
struct Abandon {};  // the round is closed without a result
using Action = std::variant<GiveTask, ComeBack, Accept, AckAgain, Refuse, Commit, Extend, Abandon>;

inline constexpr std::int64_t kMaxRetryMs = 60000;

// Not thread-safe. Memory O(clients invited). The same events at the same times give the same
// actions. Once closed it still answers uploads: an accepted one is acknowledged again, others are
// late, or, while it takes_late(), accepted to count in the round that is open.
class Round {
 public:
  Round(const RoundRules& rules, std::span<const ClientId> cohort, std::int64_t now_ms);

  // At the deadline first Commit, Extend or Abandon, then the answer to the event itself. An event
  // at the very instant of the deadline is too late.
  std::vector<Action> step(const Event& event, std::int64_t now_ms);
  // Accept, AckAgain or Refuse: what step() would answer, for chunks of an update still on its way.
  Action judge(const Uploaded& upload) const;
  // Adds clients; those already invited keep their state.
  void invite(std::span<const ClientId> more);
  // Milliseconds after which `who` should ask again: later for some clients than for others, so
  // that they do not all come at once.
  std::uint32_t retry_ms(ClientId who, std::int64_t now_ms) const;

  // ---- what a restarted coordinator does before the first step()
  // A later attempt, as after Extend.
  void resume_attempt(std::uint32_t attempt) { attempt_ = attempt; }
  // An update that was accepted before. True when it is the one that closes the round: the caller
  // then carries out Commit.
  bool recall(ClientId who, const Digest& digest);
  // An update of an earlier round that counts in this one; likewise.
  bool recall_late() { return count(); }
  void close() { open_ = false; }  // a round of before

  // ---- a closed round
  void take_late(bool yes) { takes_late_ = yes; }
  bool takes_late() const { return takes_late_; }

  const RoundRules& rules() const { return rules_; }
  bool open() const { return open_; }
  std::int64_t deadline_ms() const { return deadline_ms_; }
  std::uint32_t attempt() const { return attempt_; }    // from 1
  std::uint32_t accepted() const { return accepted_; }  // that count in this round
  std::uint32_t tasked() const { return tasked_; }      // clients that were given the task
  std::vector<ClientId> missing() const;                // invited, without an accepted update
  std::vector<std::pair<ClientId, Digest>> delivered() const;  // the others
  bool is_invited(ClientId who) const { return members_.contains(who); }
  bool is_missing(ClientId who) const;  // invited, without an accepted update
  std::uint32_t invited() const { return static_cast<std::uint32_t>(members_.size()); }

 private:
  struct Member {
    bool tasked = false;
    std::optional<Digest> accepted;
  };

  bool accept(ClientId who, const Digest& digest);
  bool count();
  void meet_deadline(std::int64_t now_ms, std::vector<Action>& actions);
  Action answer(const CheckedIn& event, std::int64_t now_ms);

  RoundRules rules_;
  std::map<ClientId, Member> members_;
  std::int64_t opened_ms_ = 0;
  std::int64_t deadline_ms_ = 0;
  std::uint32_t attempt_ = 1;
  std::uint32_t accepted_ = 0;
  std::uint32_t tasked_ = 0;
  bool open_ = true;
  bool takes_late_ = false;
};

}  // namespace fedqat
