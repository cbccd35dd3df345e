#include "coordinator/publisher.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/check.h"
#include "common/wire/difference.h"

namespace fedqat {
namespace {

constexpr int kMovedBits = 8;

bool has_batch_norm(const Graph& graph) {
  return std::any_of(graph.params.begin(), graph.params.end(), is_batch_norm);
}

}  // namespace

Publisher::Publisher(const wire::Config& config, const Graph& graph)
    : graph_(graph),
      by_difference_(config.codec().downlink() == "difference"),
      bits_(static_cast<int>(config.codec().downlink_bits())),
      rounding_{config.codec().downlink_scale() == "fit",
                static_cast<float>(config.codec().downlink_nearest())},
      seed_(config.run().seed()) {}

void Publisher::follow(const ModelState& model, std::uint64_t version, bool moved) {
  if (!by_difference_) return;
  if (version == 0) {
    held_ = model;
    return;
  }
  const int bits = moved && has_batch_norm(graph_) ? kMovedBits : bits_;
  const Rng rng({seed_, static_cast<std::uint32_t>(version), 0, Purpose::kDownlink});
  const Bytes step = encode_difference(graph_, held_.params, model, bits, rng);
  auto next = apply_difference(graph_, held_.params, step);
  FEDQAT_CHECK(next);
  held_ = std::move(*next);
  if (starts_.empty()) base_ = version - 1;
  const auto size = static_cast<std::uint32_t>(step.size());
  starts_.push_back(log_.size());
  log_.resize(log_.size() + sizeof size);
  std::memcpy(log_.data() + starts_.back(), &size, sizeof size);
  log_.insert(log_.end(), step.begin(), step.end());
  while (starts_.size() > 1 && log_.size() > 2 * graph_.param_count * sizeof(float)) {
    const std::size_t first = starts_[1];
    log_.erase(log_.begin(), log_.begin() + static_cast<std::ptrdiff_t>(first));
    starts_.erase(starts_.begin());
    for (std::size_t& start : starts_) start -= first;
    ++base_;
  }
}

const ModelState& Publisher::published(const ModelState& model) const {
  return by_difference_ ? held_ : model;
}

Bytes Publisher::whole(const ModelState& model, std::uint64_t version) const {
  if (by_difference_) return encode_plain(graph_, held_);
  BroadcastRounding rounding = rounding_;
  rounding.random = {seed_, static_cast<std::uint32_t>(version), 0, Purpose::kDownlink};
  return encode_broadcast(graph_, model, bits_, rounding);
}

std::uint64_t Publisher::oldest(std::size_t whole_bytes) const {
  std::size_t first = starts_.size();
  while (first > 0 && log_.size() - starts_[first - 1] < whole_bytes) --first;
  return base_ + first;
}

ByteView Publisher::steps(std::uint64_t from, std::uint64_t to) const {
  if (from < base_ || from >= to || to > base_ + starts_.size()) return {};
  const std::size_t begin = starts_[from - base_];
  const std::size_t end = to == base_ + starts_.size() ? log_.size() : starts_[to - base_];
  return ByteView(log_).subspan(begin, end - begin);
}

bool Publisher::restore(std::vector<float>&& held, std::uint32_t done) {
  if (held.size() != (by_difference_ && done > 0 ? graph_.param_count : 0)) return false;
  held_.params = std::move(held);
  return true;
}

}  // namespace fedqat
