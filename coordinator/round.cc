#include "coordinator/round.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/rng.h"

namespace fedqat {
namespace {

// Somewhere in [0, 1), another for each client and round.
double spread(ClientId who, std::uint32_t round) {
  return static_cast<double>(philox4x32({who, round, 0, 0}, {0, 0})[0]) * 0x1p-32;
}

}  // namespace

Round::Round(const RoundRules& rules, std::span<const ClientId> cohort, std::int64_t now_ms)
    : rules_(rules), opened_ms_(now_ms), deadline_ms_(now_ms + rules.length_ms) {
  FEDQAT_CHECK(rules.quorum >= 1 && rules.quorum <= rules.goal && rules.length_ms > 0 &&
               rules.least_retry_ms > 0);
  invite(cohort);
}

void Round::invite(std::span<const ClientId> more) {
  for (const ClientId who : more) members_.try_emplace(who);
}

std::vector<Action> Round::step(const Event& event, std::int64_t now_ms) {
  std::vector<Action> actions;
  meet_deadline(now_ms, actions);
  if (const auto* check_in = std::get_if<CheckedIn>(&event)) {
    actions.push_back(answer(*check_in, now_ms));
  } else if (const auto* upload = std::get_if<Uploaded>(&event)) {
    actions.push_back(judge(*upload));
    if (std::holds_alternative<Accept>(actions.back())) {
      if (accept(upload->who, upload->digest)) actions.push_back(Commit{});
    }
  } else if (std::holds_alternative<CountedLate>(event)) {
    FEDQAT_CHECK(open_);
    if (count()) actions.push_back(Commit{});
  }
  return actions;
}

bool Round::accept(ClientId who, const Digest& digest) {
  Member& member = members_.at(who);
  member.accepted = digest;
  if (!member.tasked) ++tasked_;  // given before a restart
  member.tasked = true;
  return open_ && count();
}

bool Round::count() {
  open_ = ++accepted_ != rules_.goal;
  return !open_;
}

bool Round::recall(ClientId who, const Digest& digest) {
  members_.try_emplace(who);
  return accept(who, digest);
}

std::vector<ClientId> Round::missing() const {
  std::vector<ClientId> missing;
  for (const auto& [who, member] : members_) {
    if (!member.accepted) missing.push_back(who);
  }
  return missing;
}

bool Round::is_missing(ClientId who) const {
  const auto member = members_.find(who);
  return member != members_.end() && !member->second.accepted;
}

std::vector<std::pair<ClientId, Digest>> Round::delivered() const {
  std::vector<std::pair<ClientId, Digest>> delivered;
  for (const auto& [who, member] : members_) {
    if (member.accepted) delivered.emplace_back(who, *member.accepted);
  }
  return delivered;
}

std::uint32_t Round::retry_ms(ClientId who, std::int64_t now_ms) const {
  std::int64_t wait = 0;
  const auto member = members_.find(who);
  const bool has_work = member != members_.end() && !member->second.accepted;
  if (open_ && !has_work) {
    const std::int64_t passed = now_ms - opened_ms_;
    // A quarter of what is left, or of what it is late by: who oversleeps holds up the next round,
    // whose length is then expected of the one after it. The last round may also have been an
    // exception, so never longer than this one lasted so far.
    const std::int64_t left = rules_.expected_ms > passed
                                  ? std::min((rules_.expected_ms - passed) / 4, passed)
                                  : (passed - rules_.expected_ms) / 4;
    wait = std::min(left, deadline_ms_ - now_ms);
  }
  wait = std::clamp(wait, rules_.least_retry_ms, kMaxRetryMs);
  // Spread over the time that serving all of them takes.
  return static_cast<std::uint32_t>(static_cast<double>(wait) +
                                    0.5 * static_cast<double>(rules_.least_retry_ms) *
                                        spread(who, rules_.round));
}

void Round::meet_deadline(std::int64_t now_ms, std::vector<Action>& actions) {
  if (!open_ || now_ms < deadline_ms_) return;
  if (accepted_ >= rules_.quorum) {
    open_ = false;
    actions.push_back(Commit{});
  } else if (attempt_ >= rules_.max_attempts) {
    open_ = false;
    actions.push_back(Abandon{});
  } else {
    ++attempt_;
    deadline_ms_ = now_ms + rules_.length_ms;
    actions.push_back(Extend{});
  }
}

Action Round::answer(const CheckedIn& event, std::int64_t now_ms) {
  const auto member = members_.find(event.who);
  if (!open_ || member == members_.end() || member->second.accepted) {
    return ComeBack{retry_ms(event.who, now_ms)};
  }
  if (!member->second.tasked) ++tasked_;
  member->second.tasked = true;
  return GiveTask{deadline_ms_ - now_ms};
}

Action Round::judge(const Uploaded& upload) const {
  if (upload.run != rules_.run) return Refuse{RefusalCode::kWrongRun};
  if (upload.round != rules_.round) return Refuse{RefusalCode::kWrongRound};
  if (upload.version != rules_.version) return Refuse{RefusalCode::kWrongVersion};
  const auto member = members_.find(upload.who);
  if (member != members_.end() && member->second.accepted) {
    if (*member->second.accepted == upload.digest) return AckAgain{};
    return Refuse{RefusalCode::kConflict};
  }
  // Of a round that was closed before a restart only those are known that delivered.
  if (!open_ && !takes_late_) return Refuse{RefusalCode::kLate};
  // A member that has no task from us has it from before a restart: the plan is the same.
  if (member == members_.end()) return Refuse{RefusalCode::kNotInvited};
  return Accept{};
}

}  // namespace fedqat
