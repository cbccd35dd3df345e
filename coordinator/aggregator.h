// Adds clients' updates exactly: integers times integer weights in 64 bits, so that the result
// depends on neither order, threads nor grouping. One Aggregator for each shard of a round.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/codec/code_loops.h"
#include "common/codec/update_codec.h"
#include "common/wire/messages.h"
#include "coordinator/scale_rule.h"

namespace fedqat {

// What the updates of a round come to. sums[i] = sum_k samples_k code_k[i], in units of its tensor.
struct Aggregate {
  UpdateGrid grid;
  std::vector<std::int64_t> sums;
  std::uint64_t weight = 0;  // sum_k samples_k
  std::uint32_t clients = 0;
  std::uint64_t seen = 0;  // this one and those below: sums of UpdateStats
  std::uint64_t loss = 0;
  std::uint64_t clipped = 0;
  std::vector<float> max_abs;  // greatest of all clients
  std::vector<Log2Histogram> histograms;
  std::vector<RangeVotes> votes;  // [steps] for rules that need each client's range, else none

  bool operator==(const Aggregate&) const = default;
};

// The greatest sum of samples with which no sum over this grid can leave 64 bits.
std::uint64_t max_total_samples(const UpdateGrid& grid);

// Not thread-safe.
class Aggregator {
 public:
  // histograms: how many an update must bring, 0 or one for each step. votes: as many, or none.
  Aggregator(UpdateGrid grid, std::size_t histograms, std::vector<RangeVotes> votes = {});

  // May this update be added? kCorrupt, kInvalid: shapes, ranges, a max_abs that the payload
  // contradicts, or a weight with which a sum could overflow. Refuses this update only.
  Result<void> check(ByteView payload, const UpdateStats& stats) const;
  // Adds an update that check() admits.
  void accumulate(ByteView payload, const UpdateStats& stats);
  // Consumes `other`, which has the same grid. kInvalid when a sum could overflow.
  Result<void> merge(Aggregator&& other);
  // Consumes this.
  Aggregate report() &&;

  const Aggregate& totals() const { return total_; }  // sums: behind by what is not yet flushed

 private:
  void add_narrow(ByteView payload, std::int32_t weight);
  void add_wide(ByteView payload, std::int64_t weight);
  void add_fixed(const TensorGrid& tensor, ByteView bytes, std::int64_t weight, std::int64_t* sums);
  void flush();

  const CodeLoops& loops_;
  std::int64_t widest_code_ = 0;       // of the coded tensors
  std::uint64_t max_weight_ = 0;       // with it no sum can overflow
  std::vector<std::int32_t> partial_;  // |partial| <= partial_weight_ * widest_code_ < 2^31
  std::int64_t partial_weight_ = 0;
  std::vector<float> values_;  // of a tensor that has to be decoded
  Aggregate total_;
};

}  // namespace fedqat
