#include "tests/dst/oracle.h"

#include <cmath>
#include <cstring>

namespace fedqat::dst {
namespace {

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

void Oracle::fail(std::uint32_t round, ClientId who, const std::string& what, bool lost) {
  throw Violation{
      "round " + std::to_string(round) + ", client " + std::to_string(who) + ": " + what, lost};
}

void Oracle::made(std::uint32_t round, ClientId who, float value, const Digest& sha256) {
  const auto [known, is_new] = made_.try_emplace({round, who}, value, sha256);
  if (!is_new && known->second.second != sha256) fail(round, who, "its task has changed");
}

void Oracle::close(const Coordinator& c) {
  known_ = c.rounds_done();
  closed_[known_] = {c.state().params, known_ == 0 ? 0 : c.last_round().aggregated, {}};
}

void Oracle::began(const Coordinator& c) {
  const std::uint32_t done = c.rounds_done();
  if (!any_) {
    any_ = true;
    return close(c);
  }
  known_ = done;
  if (done < durable_) {
    throw Violation{"only " + std::to_string(done) + " of " + std::to_string(durable_) +
                        " durable rounds are left",
                    true};
  }
  if (done > durable_ + 1) throw Violation{"rounds came out of nothing"};
  if (done == durable_ + 1) return close(c);
  if (!same_bits(c.state().params, closed_[done].params)) {
    throw Violation{"the recovered model is not that of round " + std::to_string(done)};
  }
}

void Oracle::watch(const Coordinator& c) {
  if (c.rounds_done() == known_) return;
  if (c.rounds_done() != known_ + 1) throw Violation{"a request closed two rounds"};
  close(c);
}

void Oracle::synced() {
  for (std::uint32_t round = durable_ + 1; round <= known_; ++round) {
    if (one_hot_) check_sum(round);
  }
  durable_ = known_;
}

void Oracle::check_sum(std::uint32_t round) {
  Closed& after = closed_.at(round);
  const Closed& before = closed_.at(round - 1);
  after.counted.assign(clients_, false);
  std::uint32_t found = 0;
  for (ClientId who = 0; who < clients_; ++who) {
    const double moved = double{after.params[first_ + who]} - double{before.params[first_ + who]};
    const auto update = made_.find({round, who});
    if (update == made_.end()) {
      if (moved != 0) fail(round, who, "counted without an update");
      continue;
    }
    const double times = moved * after.aggregated / double{update->second.first};
    if (std::abs(times) > 1e-3 && std::abs(times - 1) > 1e-3) {
      fail(round, who, "counted " + std::to_string(times) + " times");
    }
    after.counted[who] = times > 0.5;
    found += after.counted[who] ? 1 : 0;
    if (acked_.contains({round, who}) && !after.counted[who]) {
      fail(round, who, "its acknowledged update is not in the sum", true);
    }
  }
  if (found != after.aggregated) {
    throw Violation{"round " + std::to_string(round) + ": " + std::to_string(after.aggregated) +
                    " updates are said to be in the sum, " + std::to_string(found) + " are"};
  }
}

void Oracle::acked(std::uint32_t round, ClientId who, const Digest& sha256) {
  const auto [known, is_new] = acked_.try_emplace({round, who}, sha256);
  if (!is_new && known->second != sha256) fail(round, who, "two updates are acknowledged");
  const auto update = made_.find({round, who});
  if (update == made_.end() || update->second.second != sha256) {
    fail(round, who, "an update that its device did not send first is acknowledged");
  }
  if (round > durable_ || !one_hot_) return;
  if (!closed_.at(round).counted[who]) {
    fail(round, who, "acknowledged after the round, but not in its sum");
  }
}

}  // namespace fedqat::dst
