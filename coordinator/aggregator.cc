#include "coordinator/aggregator.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "common/base/check.h"
#include "common/codec/bit_pack.h"
#include "common/codec/dither.h"

namespace fedqat {
namespace {

constexpr std::size_t kBlock = 4096;  // codes unpacked at a time; 8 KiB stay in L1
constexpr std::int64_t kTop32 = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kTop64 = std::numeric_limits<std::int64_t>::max();

// visit(tensor, its bytes, index of its first element)
template <class Visit>
void for_each_tensor(const UpdateGrid& grid, ByteView payload, Visit visit) {
  std::size_t at = 0, first = 0;
  for (const TensorGrid& tensor : grid) {
    const ByteView bytes = payload.subspan(at, tensor_size(tensor, payload.subspan(at)).value());
    if (tensor.bits != kNotSentBits && tensor.size != 0) visit(tensor, bytes, first);
    at += bytes.size();
    first += tensor.size;
  }
}

// visit(codes, index in the tensor) over blocks of a coded tensor
template <class Visit>
void for_each_block(const TensorGrid& tensor, ByteView bytes, Visit visit) {
  if (tensor.codec == UpdateCodec::kDither) {
    std::vector<std::int16_t> codes(tensor.size);
    decode_codes(tensor, bytes, codes);
    return visit(std::span<const std::int16_t>(codes), std::size_t{0});
  }
  std::array<std::int16_t, kBlock> block;
  for (std::size_t i = 0; i < tensor.size; i += kBlock) {
    const std::span codes(block.data(), std::min(kBlock, tensor.size - i));
    unpack_update(tensor, bytes, i, codes);
    visit(std::span<const std::int16_t>(codes), i);
  }
}

// Can a tensor whose greatest value was `max_abs` have come to `greatest` (greatest_values)?
// Rounding moves a value by less than a step (and dither's parts of one), clipping to the grid's
// end only.
bool explains(const TensorGrid& tensor, float greatest, float max_abs, bool clipped) {
  const bool dithered = tensor.codec == UpdateCodec::kDither;
  if (in_fixed_point(tensor) && tensor.codec != UpdateCodec::kUniform) return max_abs == greatest;
  if (tensor.bits == kFloatUpdateBits) {
    return std::min(max_abs, kFixedLimit) == greatest && (clipped || max_abs <= kFixedLimit);
  }
  constexpr double kSlack = 1e-6;  // step and max_abs are binary32
  const double code = greatest, end = max_update_code(tensor.bits);
  const double reach = dithered ? 1 + 2.0 / kDitherParts : 1;
  const double x = static_cast<double>(max_abs) / static_cast<double>(tensor.step);
  if (x < (code - reach) * (1 - kSlack)) return false;
  if (code < end) return x <= (code + reach) * (1 + kSlack);
  return clipped || x <= end * (1 + kSlack);
}

}  // namespace

std::uint64_t max_total_samples(const UpdateGrid& grid) {
  std::int64_t top = 1;
  for (const TensorGrid& tensor : grid) top = std::max(top, max_code(tensor));
  return static_cast<std::uint64_t>(kTop64 / top);
}

Aggregator::Aggregator(UpdateGrid grid, std::size_t histograms, std::vector<RangeVotes> votes)
    : loops_(code_loops()) {
  FEDQAT_CHECK(votes.empty() || votes.size() == histograms);
  FEDQAT_CHECK(check_grid(grid));
  std::size_t elements = 0;
  for (const TensorGrid& tensor : grid) {
    elements += tensor.size;
    if (!in_fixed_point(tensor)) widest_code_ = std::max(widest_code_, max_code(tensor));
  }
  max_weight_ = max_total_samples(grid);
  partial_.resize(elements);
  total_.sums.resize(elements);
  total_.max_abs.resize(grid.size());
  total_.histograms.resize(histograms);
  total_.votes = std::move(votes);
  total_.grid = std::move(grid);
}

Result<void> Aggregator::check(ByteView payload, const UpdateStats& stats) const {
  if (stats.samples < 1 || stats.samples > max_weight_ - std::min(max_weight_, total_.weight)) {
    return Error{Errc::kInvalid, "update of " + std::to_string(stats.samples) +
                                     " samples: their sum over the round is limited to " +
                                     std::to_string(max_weight_)};
  }
  if (stats.max_abs.size() != total_.grid.size()) {
    return Error{Errc::kInvalid, "update has statistics of " +
                                     std::to_string(stats.max_abs.size()) + " tensors, not " +
                                     std::to_string(total_.grid.size())};
  }
  if (stats.histograms.size() != total_.histograms.size()) {
    return Error{Errc::kInvalid, "update has " + std::to_string(stats.histograms.size()) +
                                     " histograms, asked for were " +
                                     std::to_string(total_.histograms.size())};
  }
  const auto greatest = greatest_values(total_.grid, payload);
  if (!greatest) return greatest.error();
  for (std::size_t t = 0; t < total_.grid.size(); ++t) {
    const TensorGrid& tensor = total_.grid[t];
    if (tensor.bits == kNotSentBits) continue;
    if (!explains(tensor, (*greatest)[t], stats.max_abs[t], stats.clipped > 0)) {
      return Error{Errc::kInvalid, "stats.max_abs of tensor " + std::to_string(t) +
                                       " does not fit its values; send the greatest magnitude "
                                       "before rounding"};
    }
  }
  return {};
}

void Aggregator::accumulate(ByteView payload, const UpdateStats& stats) {
  const std::int64_t weight = stats.samples;
  if (widest_code_ * (partial_weight_ + weight) > kTop32) flush();
  if (widest_code_ * weight > kTop32) {
    add_wide(payload, weight);
  } else {
    add_narrow(payload, static_cast<std::int32_t>(weight));
    partial_weight_ += weight;
  }
  total_.weight += stats.samples;
  total_.clients += 1;
  total_.seen += stats.seen;
  total_.loss += stats.loss;
  total_.clipped += stats.clipped;
  for (std::size_t t = 0; t < total_.max_abs.size(); ++t) {
    total_.max_abs[t] = std::max(total_.max_abs[t], stats.max_abs[t]);
  }
  for (std::size_t s = 0; s < total_.histograms.size(); ++s) {
    total_.histograms[s].merge(stats.histograms[s]);
  }
  for (std::size_t s = 0; s < total_.votes.size(); ++s) {
    total_.votes[s].add(stats.histograms[s], stats.samples);
  }
}

void Aggregator::add_narrow(ByteView payload, std::int32_t weight) {
  for_each_tensor(
      total_.grid, payload, [&](const TensorGrid& tensor, ByteView bytes, std::size_t first) {
        std::int32_t* partial = partial_.data() + first;
        if (in_fixed_point(tensor)) {
          add_fixed(tensor, bytes, weight, total_.sums.data() + first);
        } else if (tensor.bits == 8 && tensor.codec == UpdateCodec::kUniform) {
          const auto* codes = reinterpret_cast<const std::int8_t*>(bytes.data());
          loops_.add_i8(codes, tensor.size, weight, partial);
        } else {
          for_each_block(tensor, bytes, [&](std::span<const std::int16_t> codes, std::size_t i) {
            loops_.add_i16(codes.data(), codes.size(), weight, partial + i);
          });
        }
      });
}

void Aggregator::add_wide(ByteView payload, std::int64_t weight) {
  for_each_tensor(
      total_.grid, payload, [&](const TensorGrid& tensor, ByteView bytes, std::size_t first) {
        std::int64_t* sums = total_.sums.data() + first;
        if (in_fixed_point(tensor)) return add_fixed(tensor, bytes, weight, sums);
        for_each_block(tensor, bytes, [&](std::span<const std::int16_t> codes, std::size_t i) {
          for (std::size_t k = 0; k < codes.size(); ++k) sums[i + k] += weight * codes[k];
        });
      });
}

void Aggregator::add_fixed(const TensorGrid& tensor, ByteView bytes, std::int64_t weight,
                           std::int64_t* sums) {
  if (tensor.codec != UpdateCodec::kUniform) {
    values_.resize(tensor.size);
    decode_values(tensor, bytes, values_);
    bytes = std::as_bytes(std::span<const float>(values_));
  }
  loops_.add_floats(bytes.data(), tensor.size, weight, sums);
}

void Aggregator::flush() {
  if (partial_weight_ == 0) return;
  loops_.flush(partial_.data(), partial_.size(), total_.sums.data());
  partial_weight_ = 0;
}

Result<void> Aggregator::merge(Aggregator&& other) {
  FEDQAT_CHECK(other.total_.grid == total_.grid);
  FEDQAT_CHECK(other.total_.histograms.size() == total_.histograms.size());
  if (other.total_.weight > max_weight_ - total_.weight) {
    return Error{Errc::kInvalid,
                 "the samples of a round are limited to " + std::to_string(max_weight_)};
  }
  flush();
  other.flush();
  const Aggregate& in = other.total_;
  for (std::size_t i = 0; i < in.sums.size(); ++i) total_.sums[i] += in.sums[i];
  total_.weight += in.weight;
  total_.clients += in.clients;
  total_.seen += in.seen;
  total_.loss += in.loss;
  total_.clipped += in.clipped;
  for (std::size_t t = 0; t < in.max_abs.size(); ++t) {
    total_.max_abs[t] = std::max(total_.max_abs[t], in.max_abs[t]);
  }
  for (std::size_t s = 0; s < in.histograms.size(); ++s) {
    total_.histograms[s].merge(in.histograms[s]);
  }
  for (std::size_t s = 0; s < in.votes.size(); ++s) total_.votes[s].merge(in.votes[s]);
  return {};
}

Aggregate Aggregator::report() && {
  flush();
  return std::move(total_);
}

}  // namespace fedqat
