// Whom a Coordinator invites to a round.
#include <algorithm>

#include "coordinator/service.h"

namespace fedqat {

std::uint32_t Coordinator::cohort_size(std::uint32_t attempt) const {
  const std::uint64_t one = share_of(config_.round().over_selection(), open().round.rules().goal);
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(one * attempt, state_.attendance.clients));
}

// Clients that are counted on for an update of a closed round: the last that they were invited to.
std::set<ClientId> Coordinator::at_work() const {
  std::set<ClientId> at_work, seen;
  for (auto r = rounds_.rbegin(); r != rounds_.rend(); ++r) {
    const Round& round = r->second.round;
    for (const ClientId who : round.missing()) {
      if (seen.insert(who).second && round.takes_late()) at_work.insert(who);
    }
    for (const auto& [who, digest] : round.delivered()) seen.insert(who);
  }
  return at_work;
}

// Invites whom the round's attempt asks for. Who is absent, or at work, is taken as the checkpoint
// has it, so that a restarted coordinator invites the same again.
void Coordinator::extend() {
  Attendance attendance = state_.attendance;
  attendance.absent = absent_at_opening_;
  attendance.barred.insert(at_work_.begin(), at_work_.end());
  Round& round = open().round;
  const std::uint32_t size = cohort_size(round.attempt());
  slots_ = size - std::min(size - 1, static_cast<std::uint32_t>(at_work_.size()));
  order_ = choose_cohort(config_.run().seed(), round.rules().round, attendance,
                         slots_ + (asynchronous() ? round.rules().goal : 0));
  next_ = 0;
  cohort_.clear();
  silent_.clear();
  fill_up();
}

// In asynchronous mode every update that comes in makes room for another client.
void Coordinator::fill_up() {
  Round& round = open().round;
  if (!round.open()) return;
  const std::size_t room = slots_ + (asynchronous() ? round.accepted() : 0);
  for (; next_ < std::min(room, order_.size()); ++next_) {
    const ClientId who = order_[next_];
    cohort_.push_back(who);
    round.invite({&who, 1});
    if (state_.attendance.absent.contains(who)) silent_.insert(who);
  }
}

// A client that was not chosen takes the place of one that is still absent, so that a round does
// not wait for the dead while others have come back.
void Coordinator::substitute(ClientId who) {
  Round& round = open().round;
  if (silent_.empty() || !round.open() || round.is_invited(who)) return;
  silent_.erase(silent_.begin());
  invite_out_of_turn(who);
}

// Written down before the client hears of it, as a restarted coordinator would not know why.
void Coordinator::invite_out_of_turn(ClientId who) {
  Round& round = open().round;
  cohort_.push_back(who);
  round.invite({&who, 1});
  if (surroundings_.journal == nullptr) return;
  // What is not written makes the next sync() fail.
  (void)surroundings_.journal->add_invited(round.rules().round, who);
}

// A restarted coordinator is told of barred and new clients only after it has gone on with a later
// attempt: the choice of that attempt is made again with them.
void Coordinator::extend_again() {
  if (status_ == Status::kRunning && !rounds_.empty() && attempt() > 1) extend();
}

}  // namespace fedqat
