// Knows what the coordinator promised and what it did, and says when the two differ.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/service.h"
#include "tests/dst/plan.h"

namespace fedqat::dst {

struct Violation {
  std::string what;
  bool lost = false;  // something durable or acknowledged is gone
};

class Oracle {
 public:
  Oracle(const Plan& plan, std::size_t first_weight)
      : one_hot_(plan.mode == Mode::kOneHot),
        clients_(plan.clients),
        max_staleness_(plan.config.round().max_staleness()),
        first_(first_weight) {}

  // A device made its update of a round; `value` is what it adds in one-hot mode.
  void made(std::uint32_t round, ClientId who, float value, const Digest& digest);
  // A coordinator has begun or gone on.
  void began(const Coordinator& c);
  // After every request: a round may have been closed.
  void watch(const Coordinator& c);
  // A sync has returned.
  void synced();
  // A complete Ack leaves the coordinator.
  void acked(std::uint32_t round, ClientId who, const Digest& digest);

  bool is_acked(std::uint32_t round, ClientId who) const { return acked_.contains({round, who}); }
  std::uint32_t durable_rounds() const { return durable_; }
  std::uint64_t acks() const { return acked_.size(); }  // of different updates

 private:
  struct Closed {
    std::vector<float> params;
    std::uint32_t aggregated = 0;
  };
  using Key = std::pair<std::uint32_t, ClientId>;

  void close(const Coordinator& c);
  void check_sum(std::uint32_t round);
  std::uint32_t count(std::uint32_t round, ClientId who, double sum);
  [[noreturn]] static void fail(std::uint32_t round, ClientId who, const std::string& what,
                                bool lost = false);

  bool one_hot_;
  std::uint32_t clients_;
  std::uint32_t max_staleness_;
  std::size_t first_;
  bool any_ = false;
  std::uint32_t known_ = 0;                 // rounds closed in memory
  std::uint32_t durable_ = 0;               // and on the disk
  std::map<std::uint32_t, Closed> closed_;  // by rounds done
  std::map<Key, std::pair<float, Digest>> made_;
  std::map<Key, Digest> acked_;
  // One-hot mode: of (round of training, client), in a sum on the disk; acknowledged, not there
  // yet.
  std::set<Key> counted_, owed_;
};

}  // namespace fedqat::dst
