#include "common/codec/range_coder.h"

#include "common/base/check.h"

namespace fedqat {
namespace {

constexpr std::uint32_t kCountStep = 8;
constexpr std::uint32_t kMaxTotal = 1U << 16;
constexpr std::uint32_t kSmallestRange = 1U << 24;

}  // namespace

AdaptiveModel::AdaptiveModel(int symbols)
    : counts_(static_cast<std::size_t>(symbols), 1), total_(static_cast<std::uint32_t>(symbols)) {
  FEDQAT_CHECK(symbols >= 1 && symbols <= 1024);
}

AdaptiveModel::Interval AdaptiveModel::interval(int symbol) const {
  const auto s = static_cast<std::size_t>(symbol);
  std::uint32_t begin = 0;
  for (std::size_t i = 0; i < s; ++i) begin += counts_[i];
  return {begin, counts_[s]};
}

int AdaptiveModel::symbol_at(std::uint32_t at) const {
  std::size_t s = 0;
  for (std::uint32_t end = counts_[0]; end <= at; end += counts_[s]) ++s;
  return static_cast<int>(s);
}

void AdaptiveModel::count(int symbol) {
  counts_[static_cast<std::size_t>(symbol)] += kCountStep;
  total_ += kCountStep;
  if (total_ <= kMaxTotal) return;
  total_ = 0;
  for (std::uint32_t& c : counts_) total_ += c = (c + 1) / 2;
}

void RangeEncoder::put(AdaptiveModel& model, int symbol) {
  const auto [begin, size] = model.interval(symbol);
  const std::uint32_t unit = range_ / model.total();
  low_ += std::uint64_t{unit} * begin;
  range_ = unit * size;
  model.count(symbol);
  while (range_ < kSmallestRange) {
    range_ <<= 8;
    shift();
  }
}

// Moves the top byte of low_ out. It waits in held_ until no carry can reach it.
void RangeEncoder::shift() {
  const bool carry = (low_ >> 32) != 0;
  const auto top = static_cast<std::uint8_t>(low_ >> 24);
  if (top != 0xff || carry) {
    if (!first_) out_.push_back(static_cast<std::byte>(held_ + (carry ? 1 : 0)));
    for (; ones_ > 0; --ones_) out_.push_back(static_cast<std::byte>(carry ? 0x00 : 0xff));
    held_ = top;
    first_ = false;
  } else {
    ++ones_;
  }
  low_ = (low_ & 0x00ffffff) << 8;
}

Bytes RangeEncoder::finish() && {
  for (int i = 0; i < 5; ++i) shift();
  return std::move(out_);
}

RangeDecoder::RangeDecoder(ByteView bytes) : bytes_(bytes) {
  for (int i = 0; i < 4; ++i) code_ = code_ << 8 | next();
}

std::uint8_t RangeDecoder::next() {
  if (at_ < bytes_.size()) return static_cast<std::uint8_t>(bytes_[at_++]);
  ++missing_;
  return 0;
}

int RangeDecoder::take(AdaptiveModel& model) {
  const std::uint32_t unit = range_ / model.total();
  const std::uint32_t at = code_ / unit;
  const int symbol = model.symbol_at(at < model.total() ? at : model.total() - 1);
  const auto [begin, size] = model.interval(symbol);
  code_ -= unit * begin;
  range_ = unit * size;
  model.count(symbol);
  while (range_ < kSmallestRange) {
    range_ <<= 8;
    code_ = code_ << 8 | next();
  }
  return symbol;
}

Bytes encode_symbols(std::span<const std::uint8_t> symbols, int kinds) {
  AdaptiveModel model(kinds);
  RangeEncoder encoder;
  for (const std::uint8_t s : symbols) encoder.put(model, s);
  return std::move(encoder).finish();
}

Result<std::vector<std::uint8_t>> decode_symbols(ByteView bytes, std::size_t count, int kinds) {
  AdaptiveModel model(kinds);
  RangeDecoder decoder(bytes);
  std::vector<std::uint8_t> out;
  out.reserve(count);
  while (out.size() < count && decoder.ok()) {
    out.push_back(static_cast<std::uint8_t>(decoder.take(model)));
  }
  if (!decoder.ok()) return Error{Errc::kCorrupt, "entropy-coded symbols end too early"};
  if (!decoder.at_end()) return Error{Errc::kCorrupt, "bytes behind entropy-coded symbols"};
  return out;
}

}  // namespace fedqat
