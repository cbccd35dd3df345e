#include "tests/dst/oracle.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "coordinator/round_sum.h"

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

void Oracle::made(std::uint32_t round, ClientId who, float value, const Digest& digest) {
  const auto [known, is_new] = made_.try_emplace({round, who}, value, digest);
  if (!is_new && known->second.second != digest) fail(round, who, "its task has changed");
}

void Oracle::close(const Coordinator& c) {
  known_ = c.rounds_done();
  closed_[known_] = {c.state().params, known_ == 0 ? 0 : c.last_round().aggregated};
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
  const Closed& after = closed_.at(round);
  const Closed& before = closed_.at(round - 1);
  std::uint32_t found = 0;
  for (ClientId who = 0; who < clients_; ++who) {
    const double moved = double{after.params[first_ + who]} - double{before.params[first_ + who]};
    found += count(round, who, moved * after.aggregated);
  }
  if (found != after.aggregated) {
    throw Violation{"round " + std::to_string(round) + ": " + std::to_string(after.aggregated) +
                    " updates are said to be in the sum, " + std::to_string(found) + " are"};
  }
  for (const Key& owed : owed_) {
    fail(owed.first, owed.second,
         "its acknowledged update is not in the sum of round " + std::to_string(round), true);
  }
}

// Which of the client's updates that may be in the round's sum make up `sum`?
std::uint32_t Oracle::count(std::uint32_t round, ClientId who, double sum) {
  std::vector<std::pair<Key, double>> may;
  for (std::uint32_t trained = round - std::min(round - 1, max_staleness_); trained <= round;
       ++trained) {
    const auto update = made_.find({trained, who});
    if (update == made_.end() || counted_.contains(update->first)) continue;
    may.emplace_back(update->first,
                     double{update->second.first} * staleness_weight(round - trained));
  }
  for (std::uint32_t some = 0; some < 1U << may.size(); ++some) {
    double want = 0, largest = 1e-9;
    std::uint32_t n = 0;
    for (std::size_t i = 0; i < may.size(); ++i) {
      largest = std::max(largest, std::abs(may[i].second));
      if ((some >> i & 1U) == 0) continue;
      want += may[i].second;
      ++n;
    }
    if (std::abs(want - sum) > 1e-3 * largest) continue;
    for (std::size_t i = 0; i < may.size(); ++i) {
      if ((some >> i & 1U) == 0) continue;
      counted_.insert(may[i].first);
      owed_.erase(may[i].first);
    }
    return n;
  }
  fail(round, who, "no updates of it sum to " + std::to_string(sum));
}

void Oracle::acked(std::uint32_t round, ClientId who, const Digest& digest) {
  const Key key(round, who);
  const auto [known, is_new] = acked_.try_emplace(key, digest);
  if (!is_new && known->second != digest) fail(round, who, "two updates are acknowledged");
  const auto update = made_.find(key);
  if (update == made_.end() || update->second.second != digest) {
    fail(round, who, "an update that its device did not send first is acknowledged");
  }
  if (!one_hot_ || counted_.contains(key)) return;
  if (round + max_staleness_ <= durable_) {
    fail(round, who, "acknowledged after the round, but not in its sum");
  }
  owed_.insert(key);
}

}  // namespace fedqat::dst
