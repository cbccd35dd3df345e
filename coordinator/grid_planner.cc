#include "coordinator/grid_planner.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"
#include "common/codec/bit_pack.h"
#include "common/codec/eden.h"
#include "coordinator/strategy.h"

namespace fedqat {
namespace {

constexpr float kHeadroom = 1.25F;
constexpr float kLeastRange = 0x1p-20F;  // of a tensor that stood still: it may wake up
constexpr float kMaxGrowth = 8;          // a round: one client cannot spoil the next grid for all
constexpr int kSmallTensorBits = 16;
constexpr int kSmallWeightBits = 8;  // of those that are too small to rotate

// Is it sent by a codec that takes weights of many values?
bool is_great(const ParamTensor& p, const UplinkRate& rate) {
  return rate.codec != UpdateCodec::kUniform && p.kind == ParamKind::kWeight &&
         p.size >= kLeastEdenBlock;
}

TensorGrid rotated(const ParamTensor& p, double bits) {
  const double whole = std::ceil(bits);
  return {p.size, static_cast<int>(whole), 1, UpdateCodec::kEden,
          static_cast<float>(1 - (whole - bits))};
}

TensorGrid dithered(const ParamTensor& p, int bits, float range) {
  return {p.size, bits, range / static_cast<float>(max_update_code(bits)), UpdateCodec::kDither};
}

int uniform_bits(const UplinkRate& rate) {
  return rate.codec == UpdateCodec::kUniform ? static_cast<int>(rate.bits) : kSmallWeightBits;
}

// The fewest bits whose step over `range` is no greater than that of `bits` over `first`.
int falling_bits(int bits, float range, float first) {
  const float step = first / static_cast<float>(max_update_code(bits));
  while (bits > kMinCodeBits && range <= step * static_cast<float>(max_update_code(bits - 1)))
    --bits;
  return bits;
}

}  // namespace

GridPlanner::GridPlanner(const Graph& graph, UplinkRate rate)
    : graph_(graph), rate_(rate), ranges_((rate.falling ? 2 : 1) * graph.params.size(), 0.0F) {}

UpdateGrid GridPlanner::grid(std::span<const float> ranges, const Moving& moving) const {
  const std::size_t tensors = graph_.params.size();
  FEDQAT_CHECK(ranges.size() == ranges_.size());
  UpdateGrid grid;
  for (std::size_t t = 0; t < tensors; ++t) {
    const ParamTensor& p = graph_.params[t];
    const auto bits_of = [&](int bits) {
      return rate_.falling ? falling_bits(bits, ranges[t], ranges[tensors + t]) : bits;
    };
    TensorGrid g{p.size, kFloatUpdateBits, 1};
    if ((is_scale(p) && !moving.scales) || (is_batch_norm(p) && !moving.batch_norm)) {
      g.bits = kNotSentBits;
    } else if (is_great(p, rate_)) {
      const auto bits = static_cast<int>(rate_.bits);
      if (rate_.codec == UpdateCodec::kEden) g = rotated(p, rate_.bits);
      if (rate_.codec == UpdateCodec::kDither) g = dithered(p, bits_of(bits), ranges[t]);
      if (rate_.codec == UpdateCodec::kSparse) g = {p.size, bits, 1, rate_.codec, rate_.share};
    } else if (rate_.bits != kFloatUpdateBits) {
      const float range = is_scale(p) ? kMaxScaleMove : ranges[t];
      if (range > 0) {
        g.bits = p.kind == ParamKind::kWeight ? bits_of(uniform_bits(rate_)) : kSmallTensorBits;
        g.step = range / static_cast<float>(max_update_code(g.bits));
      }
    }
    grid.push_back(g);
  }
  return grid;
}

void GridPlanner::learn(std::span<const float> max_abs) {
  const std::size_t tensors = graph_.params.size();
  FEDQAT_CHECK(max_abs.size() == tensors);
  for (std::size_t t = 0; t < tensors; ++t) {
    const float most = ranges_[t] > 0 ? kMaxGrowth * ranges_[t] : kFixedLimit;
    ranges_[t] = std::clamp(kHeadroom * max_abs[t], kLeastRange, std::min(most, kFixedLimit));
    if (rate_.falling && ranges_[tensors + t] == 0) ranges_[tensors + t] = ranges_[t];
  }
}

}  // namespace fedqat
