// What clients are given of the model: all of it, coarsely, or a model of their own that follows it
// (codec.downlink).
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/bytes.h"
#include "common/nn/model_state.h"
#include "common/wire/broadcast.h"
#include "common/wire/config.pb.h"

namespace fedqat {

// Not thread-safe; graph must outlive it.
//
// With "difference", x <- x + C(w - x) (common/wire/difference.h) from version to version, and the
// last steps are kept, so that who holds an older x can catch up. x of version 0 is init_model() of
// the run's seed, which clients make themselves.
class Publisher {
 public:
  Publisher(const wire::Config& config, const Graph& graph);

  bool by_difference() const { return by_difference_; }

  // Goes on to `version` (rounds behind it) of the model, one above the last or the first after
  // restore(); nothing with "whole". moved: batch normalization was just folded into the weights,
  // and the step is one of 8 bits.
  void follow(const ModelState& model, std::uint64_t version, bool moved);
  // What a client of the last version computes with and `model` is published as: x, or with
  // "whole" the model itself.
  const ModelState& published(const ModelState& model) const;
  // As a client of `version` downloads it whole.
  Bytes whole(const ModelState& model, std::uint64_t version) const;

  // From which version on steps to the last one are fewer bytes than `whole_bytes`; the last itself
  // if there are none.
  std::uint64_t oldest(std::size_t whole_bytes) const;
  // The steps from the one version to the other, each behind its length, u32; empty if not kept.
  ByteView steps(std::uint64_t from, std::uint64_t to) const;

  // What a checkpoint needs: the parameters x, or none.
  const std::vector<float>& held() const { return held_.params; }
  // False: not of this network. done: rounds of the run that are closed.
  bool restore(std::vector<float>&& held, std::uint32_t done);

 private:
  const Graph& graph_;
  bool by_difference_;
  int bits_;
  BroadcastRounding rounding_;
  std::uint64_t seed_;
  ModelState held_;
  Bytes log_;                        // steps, the oldest first; at most two models long
  std::vector<std::size_t> starts_;  // in log_
  std::uint64_t base_ = 0;           // the version that the first begins at
};

}  // namespace fedqat
