#include "coordinator/round.h"

#include <algorithm>

#include "common/base/check.h"

namespace fedqat {
namespace {

// Who has nothing to do asks again a few times a round, but neither often nor never.
constexpr std::int64_t kMinRetryMs = 1000;
constexpr std::int64_t kMaxRetryMs = 60000;

ComeBack come_back(std::int64_t remaining_ms) {
  return {static_cast<std::uint32_t>(std::clamp(remaining_ms / 4, kMinRetryMs, kMaxRetryMs))};
}

}  // namespace

Round::Round(const RoundRules& rules, std::span<const ClientId> cohort, std::int64_t now_ms)
    : rules_(rules), deadline_ms_(now_ms + rules.length_ms) {
  FEDQAT_CHECK(rules.quorum >= 1 && rules.quorum <= rules.goal && rules.length_ms > 0);
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
      members_.at(upload->who).accepted = upload->sha256;
      if (++accepted_ == rules_.goal) {
        open_ = false;
        actions.push_back(Commit{});
      }
    }
  }
  return actions;
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
    return come_back(open_ ? deadline_ms_ - now_ms : 0);
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
    if (*member->second.accepted == upload.sha256) return AckAgain{};
    return Refuse{RefusalCode::kConflict};
  }
  if (member == members_.end() || !member->second.tasked) {
    return Refuse{RefusalCode::kNotInvited};
  }
  if (!open_) return Refuse{RefusalCode::kLate};
  return Accept{};
}

}  // namespace fedqat
