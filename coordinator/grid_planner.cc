#include "coordinator/grid_planner.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"
#include "common/codec/eden.h"
#include "coordinator/strategy.h"

namespace fedqat {
namespace {

constexpr float kHeadroom = 1.25F;
constexpr float kLeastRange = 0x1p-20F;  // of a tensor that stood still: it may wake up
constexpr float kMaxGrowth = 8;          // a round: one client cannot spoil the next grid for all
constexpr int kSmallTensorBits = 16;
constexpr int kSmallWeightBits = 8;  // of those that are too small to rotate

bool is_rotated(const ParamTensor& p, const UplinkRate& rate) {
  return rate.codec == UpdateCodec::kEden && p.size >= kLeastEdenBlock;
}

TensorGrid rotated(const ParamTensor& p, double bits) {
  const double whole = std::ceil(bits);
  return {p.size, static_cast<int>(whole), 1, UpdateCodec::kEden,
          static_cast<float>(1 - (whole - bits))};
}

int uniform_bits(const UplinkRate& rate) {
  return rate.codec == UpdateCodec::kEden ? kSmallWeightBits : static_cast<int>(rate.bits);
}

}  // namespace

GridPlanner::GridPlanner(const Graph& graph, UplinkRate rate)
    : graph_(graph), rate_(rate), ranges_(graph.params.size(), 0.0F) {}

UpdateGrid GridPlanner::grid(std::span<const float> ranges, const Moving& moving) const {
  FEDQAT_CHECK(ranges.size() == graph_.params.size());
  UpdateGrid grid;
  for (std::size_t t = 0; t < graph_.params.size(); ++t) {
    const ParamTensor& p = graph_.params[t];
    TensorGrid g{p.size, kFloatUpdateBits, 1};
    if ((is_scale(p) && !moving.scales) || (is_batch_norm(p) && !moving.batch_norm)) {
      g.bits = kNotSentBits;
    } else if (p.kind == ParamKind::kWeight && is_rotated(p, rate_)) {
      g = rotated(p, rate_.bits);
    } else if (rate_.bits != kFloatUpdateBits) {
      const float range = is_scale(p) ? kMaxScaleMove : ranges[t];
      if (range > 0) {
        g.bits = p.kind == ParamKind::kWeight ? uniform_bits(rate_) : kSmallTensorBits;
        g.step = range / static_cast<float>(max_update_code(g.bits));
      }
    }
    grid.push_back(g);
  }
  return grid;
}

void GridPlanner::learn(std::span<const float> max_abs) {
  FEDQAT_CHECK(max_abs.size() == ranges_.size());
  for (std::size_t t = 0; t < ranges_.size(); ++t) {
    const float most = ranges_[t] > 0 ? kMaxGrowth * ranges_[t] : kFixedLimit;
    ranges_[t] = std::clamp(kHeadroom * max_abs[t], kLeastRange, std::min(most, kFixedLimit));
  }
}

}  // namespace fedqat
